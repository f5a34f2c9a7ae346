import { expect, it } from 'vitest'
import { createGate } from '../../src/base/gate.ts'
import { createSlots } from '../../src/base/slots.ts'
import { SharedReads } from '../../src/hub/replay/shared-reads.ts'

const wanted = () => false
const left = () => true

/** One place at work, which is taken until the gate opens. */
function busy() {
  const slots = createSlots(1)
  const gate = createGate()
  void slots.run(() => gate.opened)
  return { reads: new SharedReads<number>(slots), gate }
}

it('who asks for what waits already gets the same answer, and who asks for what has begun gets one of his own', async () => {
  const { reads, gate } = busy()
  const begun = createGate()
  let count = 0
  const work = async () => {
    count += 1
    await begun.opened
    return count
  }
  const waiting = [reads.read('a', wanted, work), reads.read('a', wanted, work)]
  gate.open()
  await null
  await expect.poll(() => count).toBe(1)
  const later = reads.read('a', wanted, work)
  begun.open()
  expect(await Promise.all(waiting)).toEqual([1, 1])
  expect(await later).toBe(2)
})

it('is not done for nobody, but for whoever is left', async () => {
  const { reads, gate } = busy()
  let count = 0
  const work = async () => {
    count += 1
    return count
  }
  const forNobody = reads.read('a', left, work)
  const forOne = [reads.read('b', left, work), reads.read('b', wanted, work)]
  gate.open()
  expect(await forNobody).toBeUndefined()
  expect(await Promise.all(forOne)).toEqual([1, 1])
})

it('fails for all who asked', async () => {
  const { reads, gate } = busy()
  const fail = () => Promise.reject(new Error('away'))
  const asked = [reads.read('a', wanted, fail), reads.read('a', wanted, fail)]
  gate.open()
  for (const each of asked) await expect(each).rejects.toThrow('away')
})
