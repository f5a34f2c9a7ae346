import { rmSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Update } from '../../../src/market/tick.ts'
import type { Batch } from '../../../src/tiers/database/database.ts'
import { openSpool } from '../../../src/tiers/spool/open-spool.ts'
import type { Spool, SpooledBatch } from '../../../src/tiers/spool/spool.ts'
import { createLogRecorder } from '../../fakes/log-recorder.ts'
import { candle, NOON, update } from '../fixtures.ts'
import { INSTRUMENTS, SpoolModel } from './spool-model.ts'
import { temporaryDirectory } from './temporary-spool.ts'
import { diskFailure, TestDisk } from './test-disk.ts'

interface Append {
  readonly kind: 'append'
  /** New ticks of each instrument, and whether some come late among the ids before them. */
  readonly ticks: readonly [number, number]
  readonly late: boolean
  readonly candle: boolean
  readonly gap: 'open' | 'filled' | undefined
}

interface Release {
  readonly kind: 'release'
  readonly rows: number
  /** What was handed over is released by the next step of this kind only. */
  readonly isLater: boolean
}

/** What is done, and what happens before disk operation number `at` of it. */
interface Step {
  readonly work: Append | Release | { readonly kind: 'reopen' }
  readonly fault: { readonly kind: 'none' | 'kill' | 'power' | 'fail'; readonly at: number }
}

const append = fc.record<Append>({
  kind: fc.constant('append'),
  ticks: fc.tuple(fc.nat(40), fc.nat(3)),
  late: fc.boolean(),
  candle: fc.boolean(),
  gap: fc.constantFrom(undefined, undefined, 'open', 'filled'),
})
const release = fc.record<Release>({
  kind: fc.constant('release'),
  rows: fc.integer({ min: 1, max: 100 }),
  isLater: fc.boolean(),
})
const step = fc.record<Step>({
  work: fc.oneof(
    { arbitrary: append, weight: 6 },
    { arbitrary: release, weight: 4 },
    { arbitrary: fc.constant({ kind: 'reopen' } as const), weight: 1 },
  ),
  fault: fc.record({
    kind: fc.oneof(
      { arbitrary: fc.constant('none' as const), weight: 5 },
      { arbitrary: fc.constantFrom('kill' as const, 'power' as const, 'fail' as const), weight: 3 },
    ),
    at: fc.nat(12),
  }),
})

/** More of them by hand, when something in the spool was changed. */
const RUNS = Number(process.env.SPOOL_RUNS ?? 60)

/** One spool through its lives. */
class Life {
  readonly model = new SpoolModel()
  readonly #root = temporaryDirectory()
  readonly #newest = INSTRUMENTS.map(() => 0)
  #lives = 0
  #directory = join(this.#root, '0')
  #disk = new TestDisk()
  #spool: Spool | undefined
  #taken: SpooledBatch | undefined

  async spool(): Promise<Spool> {
    this.#spool ??= await openSpool(
      { directory: this.#directory, maxBytes: 24 * 1024, onDropped: () => {}, log: createLogRecorder() },
      this.#disk,
    )
    return this.#spool
  }

  async run({ work, fault }: Step): Promise<void> {
    if (work.kind === 'reopen') return this.#close()
    const batch = work.kind === 'append' ? this.#batchOf(work) : undefined
    await this.spool()
    const crashed = this.#arm(fault)
    const isDone = batch === undefined ? await this.#release(work as Release) : await this.#append(batch)
    this.#disk.before = () => {}
    const directory = crashed()
    if (directory !== undefined) {
      await this.#close()
      this.#directory = directory
      this.#disk = new TestDisk()
    }
    // The source gives again what was not acknowledged, or was only in the life that has ended.
    if (batch !== undefined && (directory !== undefined || !isDone)) await (await this.spool()).append(batch)
    if (batch !== undefined) this.model.acknowledge(batch)
  }

  async empty(): Promise<void> {
    while (await this.#release({ kind: 'release', rows: 50, isLater: false }));
  }

  async end(): Promise<void> {
    await this.#close()
    rmSync(this.#root, { recursive: true, force: true })
  }

  async #close(): Promise<void> {
    await this.#spool?.close()
    this.#spool = undefined
    this.#taken = undefined
  }

  async #append(batch: Batch): Promise<boolean> {
    try {
      await (await this.spool()).append(batch)
      return true
    } catch (error) {
      expect(error).toMatchObject({ code: 'tier_unavailable' })
      return false
    }
  }

  /** False: nothing waits. */
  async #release({ rows, isLater }: Release): Promise<boolean> {
    const spool = await this.spool()
    if (this.#taken === undefined) {
      this.#taken = await spool.next(rows)
      if (this.#taken === undefined) return false
      this.model.store(this.#taken.batch)
      this.model.checkStored(spool)
      if (isLater) return true
    }
    await this.#taken.release().catch((error) => expect(error).toMatchObject({ code: 'tier_unavailable' }))
    this.#taken = undefined
    return true
  }

  /** Returns what tells afterwards where the crash left its copy, if there was one. */
  #arm({ kind, at }: Step['fault']): () => string | undefined {
    if (kind === 'none') return () => undefined
    const fails = this.#disk.operations + at + 1
    let copy: string | undefined
    const crash = () => {
      this.#lives += 1
      copy = join(this.#root, `${this.#lives}`)
      this.#disk.crash(this.#directory, copy, kind === 'power')
    }
    this.#disk.before = () => {
      if (this.#disk.operations !== fails) return
      if (kind === 'fail') throw diskFailure('ENOSPC')
      crash()
    }
    return () => {
      if (kind !== 'fail' && copy === undefined) crash()
      return copy
    }
  }

  #batchOf({ ticks, late, candle: isCandle, gap }: Append): Batch {
    const made = INSTRUMENTS.flatMap((instrument, index) => {
      const first = this.#newest[index]!
      const { symbol } = instrument
      const live = Array.from({ length: ticks[index]! }, (_, tick): Update => {
        const id = first + 2 * tick + 2
        return update(id, { symbol, prev: id === 2 ? null : id - 2 })
      })
      this.#newest[index] = live.at(-1)?.id ?? first
      const isLate = late && first > 3
      const found = isLate ? [update(first - 1, { symbol, prev: first - 2, backfilled: true })] : []
      return [...found, ...live].map((each) => ({ instrument, update: each }))
    })
    const [instrument] = INSTRUMENTS
    const newest = this.#newest[0]!
    const rows = [1, 2].map((minute) => ({
      instrument: instrument!,
      timeframe: '1m' as const,
      candle: candle(NOON + (Math.floor(newest / 50) + minute) * 60_000, { lastId: newest, trades: newest }),
    }))
    const told = { instrument: instrument!, from: 10 * Math.floor(newest / 100) + 1, to: 9_999 }
    return {
      ticks: made,
      candles: isCandle && newest > 0 ? rows : [],
      gaps: gap === undefined ? [] : [{ ...told, status: gap, reason: 'test' }],
    }
  }
}

test(
  'whatever happens to process and disk, what was acknowledged is read and handed over, in order and once',
  async () => {
    const schedule = fc.array(step, { minLength: 1, maxLength: 25 })
    await fc.assert(
      fc.asyncProperty(schedule, fc.array(fc.nat(400), { minLength: 3, maxLength: 3 }), async (steps, points) => {
        const life = new Life()
        try {
          for (const each of steps) {
            await life.run(each)
            await life.model.checkReads(await life.spool(), points)
          }
          await life.empty()
          life.model.checkEmptied(await life.spool())
        } finally {
          await life.end()
        }
      }),
      { numRuns: RUNS },
    )
  },
  1_000 * RUNS,
)
