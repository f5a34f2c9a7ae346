import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { describeError, GatewayError } from '../base/errors.ts'
import { seedFor } from './noise.ts'
import { continueSegments, type MarketLife } from './schedule.ts'
import type { SymbolSpec } from './symbols.ts'

/** Moments are shown only after they were reserved, this far ahead, and again when half of it is used up. */
const RESERVE_MS = 1_000

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

/** All trades that a new simulator has behind it. */
const GENESIS_TRADES = 20_000

const FILE = 'simulator.json'

const STORED = z.object({
  version: z.literal(1),
  seed: z.number().int(),
  /** Unix ms: trades up to here may have been shown. */
  reservedUntil: z.number(),
  lives: z.record(
    z.string(),
    z.object({
      paceRate: z.number().positive(),
      segments: z
        .array(
          z.object({
            firstN: z.number().int(),
            startTime: z.number(),
            ratePerSecond: z.number().positive(),
            until: z.number().optional(),
          }),
        )
        .min(1),
    }),
  ),
})
type Stored = z.infer<typeof STORED>

export interface StateOptions {
  /** Where the state is kept; without it, in memory only. */
  readonly directory: string | undefined
  /** Forget what was kept. */
  readonly fresh: boolean
  /** Another seed than the kept one begins anew; undefined takes the kept one. */
  readonly seed: number | undefined
  readonly now: number
}

/** What a simulator must remember so that an id has one content and one time for ever, also after a crash. */
export interface SimulatorState {
  readonly seed: number
  /** Nothing was kept, or nothing that still holds. */
  readonly isNew: boolean
  /** The market's segments: those kept, and a new one when trading was interrupted or its rate changed. */
  lifeOf(spec: SymbolSpec, rates: { readonly own: number; readonly all: number }): MarketLife
  /** Makes sure that trades up to `time` stay as they are; must come before any of them is shown. */
  reserve(time: number): void
}

const DEFAULT_SEED = 1

/**
 * Opens the state, kept in `simulator.json`. If the last process was gone for less than its reservation, trading just
 * goes on; otherwise it goes on now, as after a halt, with the next number.
 * @throws GatewayError `config_invalid` when the file is not a simulator's, or cannot be written
 */
export function openSimulatorState({ directory, fresh, seed, now }: StateOptions): SimulatorState {
  const file = directory === undefined ? undefined : join(directory, FILE)
  const kept = file === undefined || fresh ? undefined : readKept(file)
  const stored: Stored =
    kept && (seed === undefined || kept.seed === seed)
      ? kept
      : { version: 1, seed: seed ?? kept?.seed ?? DEFAULT_SEED, reservedUntil: Number.NEGATIVE_INFINITY, lives: {} }
  const before = stored.reservedUntil
  if (directory !== undefined) mkdirSync(directory, { recursive: true })

  return {
    seed: stored.seed,
    isNew: stored !== kept,
    lifeOf(spec, rates) {
      const life = stored.lives[spec.symbol]
      const marketSeed = seedFor(stored.seed, spec.symbol)
      const grown = life
        ? continuedLife(life, marketSeed, { ratePerSecond: rates.own, before, now })
        : bornLife(marketSeed, rates, now)
      stored.lives[spec.symbol] = { paceRate: grown.paceRate, segments: [...grown.segments] }
      return grown
    },
    reserve(time) {
      if (time + RESERVE_MS / 2 <= stored.reservedUntil) return
      stored.reservedUntil = time + RESERVE_MS
      if (file !== undefined) writeWhole(file, stored)
    },
  }
}

interface Interruption {
  readonly ratePerSecond: number
  /** Unix ms up to which the last process had reserved. */
  readonly before: number
  readonly now: number
}

function continuedLife(life: MarketLife, marketSeed: number, { ratePerSecond, before, now }: Interruption): MarketLife {
  if (now <= before && life.segments.at(-1)!.ratePerSecond === ratePerSecond) return life
  const startTime = Math.max(now, before + 1)
  const segments = continueSegments(marketSeed, life.segments, { until: before, startTime, ratePerSecond })
  return { ...life, segments }
}

/**
 * A market's first segment ends now and began in the past, at a whole minute, so that every minute is either made up
 * whole or folded from trades.
 */
function bornLife(marketSeed: number, rates: { readonly own: number; readonly all: number }, now: number): MarketLife {
  const wanted = Math.min(DAY, (GENESIS_TRADES / rates.all) * 1000)
  const startTime = Math.floor((now - wanted) / MINUTE) * MINUTE
  const ratePerSecond = (rates.own * wanted) / (now - startTime)
  const segments = continueSegments(marketSeed, [{ firstN: 0, startTime, ratePerSecond }], {
    until: now - 1,
    startTime: now,
    ratePerSecond: rates.own,
  })
  return { paceRate: rates.own, segments }
}

function readKept(file: string): Stored | undefined {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw new GatewayError('config_invalid', `${file} must be readable, was ${describeError(error)}`, { cause: error })
  }
  try {
    return STORED.parse(JSON.parse(text))
  } catch (error) {
    throw new GatewayError('config_invalid', `${file} must be a simulator's state (start fresh to replace it)`, {
      cause: error,
    })
  }
}

/** By rename, so that a crash leaves the old file or the new one. */
function writeWhole(file: string, stored: Stored): void {
  const draft = `${file}.${process.pid}.tmp`
  try {
    writeFileSync(draft, JSON.stringify(stored))
    renameSync(draft, file)
  } catch (error) {
    throw new GatewayError('config_invalid', `${file} must be writable, was ${describeError(error)}`, { cause: error })
  }
}
