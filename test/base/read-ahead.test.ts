import { expect, it } from 'vitest'
import { createGate } from '../../src/base/gate.ts'
import { readAhead } from '../../src/base/read-ahead.ts'

/** Pages 1, 2, 3; says which were asked for, and fails at `failing`. */
function source(failing?: number) {
  const asked: number[] = []
  async function* pages() {
    for (const page of [1, 2, 3]) {
      asked.push(page)
      if (page === failing) throw new Error(`no page ${page}`)
      yield page
    }
  }
  return { asked, pages: pages() }
}

it('the next page is asked for while one is worked on, unless it may be the last that is wanted', async () => {
  const { asked, pages } = source()
  const seen: (readonly number[])[] = []
  for await (const page of readAhead(pages, (it) => it !== 2)) {
    await null
    seen.push([page, ...asked])
  }
  expect(seen).toEqual([
    [1, 1, 2],
    [2, 1, 2],
    [3, 1, 2, 3],
  ])
})

it('a failure comes in its place, after the pages before it', async () => {
  const got: number[] = []
  const reading = (async () => {
    for await (const page of readAhead(source(2).pages, () => true)) {
      await new Promise((resolve) => setImmediate(resolve))
      got.push(page)
    }
  })()
  await expect(reading).rejects.toThrow('no page 2')
  expect(got).toEqual([1])
})

it('whoever has enough does not wait for the page that is on its way', async () => {
  const gate = createGate()
  const ended = createGate()
  async function* pages() {
    try {
      yield 1
      await gate.opened
      yield 2
    } finally {
      ended.open()
    }
  }
  for await (const page of readAhead(pages(), () => true)) {
    expect(page).toBe(1)
    break
  }
  gate.open()
  await ended.opened
})
