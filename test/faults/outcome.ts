import type { Outcome } from './run-schedule.ts'
import { describeSchedule, type Schedule } from './schedule.ts'

const LAST_LINES = 60
const FAILURES = 8

/** What a person needs to find the cause, the way to see it again first. */
export function describeFailure(
  schedule: Schedule,
  { failures, report }: Outcome,
  command = `npm run test:faults -- --seed ${schedule.seed}`,
): string {
  return [
    `reproduce with: ${command}`,
    describeSchedule(schedule),
    `its last ${LAST_LINES} lines:`,
    report.last(LAST_LINES),
    'what must not be:',
    ...failures.slice(0, FAILURES),
    ...(failures.length > FAILURES ? [`and ${failures.length - FAILURES} more`] : []),
  ].join('\n')
}
