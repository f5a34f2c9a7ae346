/**
 * Yields the pages of a source. While its reader is at work on one of which `isMoreWanted` is sure, the next is asked
 * for; else when the reader comes for it, so that nothing is asked in vain.
 */
export async function* readAhead<Page>(
  pages: AsyncIterable<Page>,
  isMoreWanted: (page: Page) => boolean,
): AsyncGenerator<Page, void, undefined> {
  const source = pages[Symbol.asyncIterator]()
  let next: Promise<IteratorResult<Page>> | undefined
  try {
    for (;;) {
      const { value: page, done } = await (next ?? source.next())
      if (done) return
      next = isMoreWanted(page) ? ask(source) : undefined
      yield page
    }
  } finally {
    // What is still being asked for ends with the source's own signal; nobody waits for it.
    void source.return?.().then(undefined, () => {})
  }
}

/** A failure is met when the page is waited for; if nobody does, it is none. */
function ask<Page>(source: AsyncIterator<Page>): Promise<IteratorResult<Page>> {
  const next = source.next()
  next.catch(() => {})
  return next
}
