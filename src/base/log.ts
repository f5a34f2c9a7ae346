import { destination, type LevelWithSilent, pino } from 'pino'

export type LogLevel = LevelWithSilent

/** What a log line carries beside its message. Never a secret. */
export type LogFields = Readonly<Record<string, unknown>>

/** The part of pino that we use: constant lower-case messages, the data in fields. */
export interface Log {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
}

/** Creates a log that writes JSON lines to stderr: stdout belongs to data, so that it can be piped. */
export function createLog(level: LogLevel): Log {
  // Written at once and in order, so that the last words before an exit are not lost.
  return pino({ level, base: null }, destination({ dest: 2, sync: true }))
}
