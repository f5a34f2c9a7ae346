import type { Stage } from './run-schedule.ts'
import type { Fault } from './schedule.ts'

type Deeds = {
  readonly [Kind in Fault['kind']]: (stage: Stage, fault: Extract<Fault, { readonly kind: Kind }>) => void
}

/** Does what a fault says, now. What it ends by itself, it ends later. */
export function happen<Kind extends Fault['kind']>(fault: Extract<Fault, { readonly kind: Kind }>, stage: Stage): void {
  const deed: Deeds[Kind] = DEEDS[fault.kind]
  deed(stage, fault)
}

const DEEDS: Deeds = {
  'source cut': ({ simulator }, { code }) => simulator.faults.closeAll(code === undefined ? {} : { code }),
  'source silent': ({ simulator }, { ms }) => {
    simulator.faults.stall(true)
    setTimeout(() => simulator.faults.stall(false), ms)
  },
  'source refuses': ({ simulator }, { how, ms }) => {
    simulator.faults.refuseConnects(how)
    setTimeout(() => simulator.faults.refuseConnects(false), ms)
  },
  'source shuts down': ({ simulator }, fault) => simulator.faults.serverShutdown(fault),
  frames: ({ simulator }, { what, count, symbol }) => simulator.faults.frames(what, { count, symbol }),
  questions: ({ simulator }, { what, count, delayMs }) =>
    simulator.faults.rest(what, { count, delayMs, retryAfterS: 1 }),
  halt: ({ simulator }, { symbol, ms }) => {
    simulator.halt(true, symbol)
    setTimeout(() => simulator.halt(false, symbol), ms)
  },
  garbage: ({ simulator }, { text }) => simulator.inject(text),
  crash: ({ life }, { downMs }) => life.crash(downMs),
  restart: ({ life }, { downMs }) => void life.restart(downMs),
  'clients cut': ({ clients }) => clients.cut(),
  'client leaves': ({ leave }, { client, ms }) => leave(client, ms),
  'late client': ({ enter }) => enter(),
  'database away': ({ life }, { ms }) => life.loseDatabase(ms),
}
