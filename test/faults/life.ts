/** A gateway that dies and comes again on the same store, as a supervisor of processes would have it. */
export interface Life {
  /** Starts it if it is down, after whatever is under way. */
  start(): Promise<void>
  /** Memory, connections and what was not yet written are gone at once. It starts again after `downMs`. */
  crash(downMs: number): void
  /** Stops it as SIGTERM does; it starts again after `downMs`. */
  restart(downMs: number): Promise<void>
  /** Cuts the wires to the database; new ones are refused for `ms`. */
  loseDatabase(ms: number): void
  /** Stops it in good order. */
  stop(): Promise<void>
  /** After that: what it left on its disk is stored, as the next one would. */
  storeTheRest(): Promise<void>
  /** Ends it for good. Resolves when nothing of any incarnation is left. */
  close(): Promise<void>
}
