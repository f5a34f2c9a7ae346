import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** What takes minutes; the rest is done beside it. */
const LONG = ['fault-schedules', 'faults/kill', 'dark-starts', 'outage-load', 'faults/outages', 'end-to-end']

/** Begins with the files that take longest, so that none of them is left alone at the end. */
export class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const place = LONG.findIndex((name) => moduleId.includes(name))
      return place < 0 ? LONG.length : place
    }
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b))
  }
}
