import { createHook } from 'node:async_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'

/** The timers that were set since the watch began and would keep this process alive. */
export interface TimerWatch {
  /** How many are left; waits 200 ms for them to go, since the test runner sets short ones of its own. */
  left(): Promise<number>
}

const GRACE_MS = 200

export function watchTimers(): TimerWatch {
  const timers = new Map<number, NodeJS.Timeout>()
  const hook = createHook({
    init(id, type, _, timer) {
      if (type === 'Timeout') timers.set(id, timer as NodeJS.Timeout)
    },
    destroy: (id) => void timers.delete(id),
  }).enable()
  const count = () => [...timers.values()].filter((timer) => timer.hasRef()).length
  return {
    async left() {
      const end = performance.now() + GRACE_MS
      while (count() > 0 && performance.now() < end) await nextTurn()
      hook.disable()
      return count()
    },
  }
}
