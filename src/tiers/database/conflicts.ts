import type { Update } from '../../market/tick.ts'
import type { Refusal } from './refusals.ts'
import { sideOfCode } from './schema.ts'
import type { KnownTick, StoredContent } from './stored-ticks.ts'

/**
 * Those of the ticks that are stored with another content, which stays. When a tick was received, and whether it was
 * asked for, is not of its content: it may come twice, on different ways.
 */
export function findConflicts(known: readonly KnownTick[]): readonly Refusal[] {
  return known
    .filter(({ update, stored }) => !isSame(update, stored))
    .map(({ instrumentId, update, stored }) => ({
      row: { instrumentId, update },
      reason: `its id is stored with another content: ${describe(stored)}`,
    }))
}

function isSame({ time, price, size, side, trades }: Update, stored: StoredContent): boolean {
  return (
    time === stored.time &&
    price === stored.price &&
    (size ?? null) === stored.size &&
    side === sideOfCode(stored.side) &&
    trades === stored.trades
  )
}

function describe({ time, price, size, side, trades }: StoredContent): string {
  return JSON.stringify({ time, price, size, side: sideOfCode(side), trades })
}
