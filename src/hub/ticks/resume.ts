import type { Cursor } from '../../market/tick.ts'
import type { RequestId, Resume } from '../../wire/messages.ts'
import type { Session } from '../session.ts'
import { viewOf } from '../view.ts'
import type { Opening } from './join.ts'
import { openAfter } from './opening.ts'

/** Where a resumed symbol goes on, and what is told of it. */
export interface Resumed {
  readonly opening: Opening
  readonly resume: Resume
}

/**
 * Finds the verdict on every symbol that has a cursor in `after`; undefined for one that cannot be resumed, which has
 * been answered with an error.
 */
export async function resumeAll(
  session: Session,
  id: RequestId | undefined,
  symbols: readonly string[],
  after: Readonly<Record<string, Cursor>>,
): Promise<ReadonlyMap<string, Resumed | undefined>> {
  const { source, pages, limits } = session.context
  const resumed = new Map<string, Resumed | undefined>()
  const resumeOne = async (symbol: string, cursor: Cursor) => {
    const ports = {
      pages,
      view: () => viewOf(source, symbol),
      ticksAfter: (position: Cursor, limit: number) => source.ticksAfter(symbol, position, limit),
      signal: session.signal,
    }
    try {
      resumed.set(symbol, await openAfter(cursor, ports, limits.resumeWaitMs))
    } catch (error) {
      resumed.set(symbol, undefined)
      session.tell(error, { id, symbol })
    }
  }
  const asked = symbols.filter((symbol) => Object.hasOwn(after, symbol))
  await Promise.all(asked.map((symbol) => resumeOne(symbol, after[symbol]!)))
  return resumed
}
