import { expect, test } from 'vitest'
import { YahooCrumb } from '../../feeds/yahoo-crumb.ts'

const { signal } = new AbortController()

test('a crumb is got once for all who wait, and kept', async () => {
  let renewals = 0
  const crumb = new YahooCrumb(async () => `crumb ${++renewals}`)
  expect(await Promise.all([crumb.get(signal), crumb.get(signal)])).toEqual(['crumb 1', 'crumb 1'])
  expect(await crumb.get(signal)).toBe('crumb 1')
})

test('who learns late that an old crumb is refused does not lose the others the new one', async () => {
  let renewals = 0
  const crumb = new YahooCrumb(async () => `crumb ${++renewals}`)
  const old = await crumb.get(signal)
  crumb.drop(old)
  expect(await crumb.get(signal)).toBe('crumb 2')
  crumb.drop(old)
  expect(await crumb.get(signal)).toBe('crumb 2')
})

test('a failure is told to all who wait, and the next one begins anew', async () => {
  let renewals = 0
  const crumb = new YahooCrumb(async () => {
    if (++renewals === 1) throw new Error('not now')
    return 'a crumb'
  })
  const both = await Promise.allSettled([crumb.get(signal), crumb.get(signal)])
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(await crumb.get(signal)).toBe('a crumb')
})

test('it is fetched for as long as anybody waits', async () => {
  const [first, second] = [new AbortController(), new AbortController()]
  let told: AbortSignal | undefined
  const crumb = new YahooCrumb((renewing) => {
    told = renewing
    return new Promise((_, reject) => renewing.addEventListener('abort', () => reject(new Error('given up'))))
  })
  const waits = Promise.allSettled([crumb.get(first.signal), crumb.get(second.signal)])
  first.abort()
  await Promise.resolve()
  expect(told?.aborted).toBe(false)
  second.abort()
  expect((await waits).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(told?.aborted).toBe(true)
})
