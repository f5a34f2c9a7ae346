/** A hidden page has no animation frames; what waits is bounded all the same. */
const MAX_WAITING = 1_000

/** Does work once per animation frame: of several works under one key only the newest is done. */
export type Frames = (key: string, work: () => void) => void

export function createFrames(): Frames {
  const waiting = new Map<string, () => void>()
  let asked = false

  function draw() {
    asked = false
    const works = [...waiting.values()]
    waiting.clear()
    for (const work of works) work()
  }

  return (key, work) => {
    waiting.set(key, work)
    if (waiting.size > MAX_WAITING) return draw()
    if (!asked) requestAnimationFrame(draw)
    asked = true
  }
}
