import { expect, test } from 'vitest'
import { describeFailure } from '../../../src/tiers/redis/failures.ts'

function reply(message: string): Error {
  return Object.assign(new Error(message), { name: 'ReplyError' })
}

test.each([
  ["OOM command not allowed when used memory > 'maxmemory'. script: ab12, on @user_script:1.", 'OOM'],
  ["ERR Error running script (call to f_ab12): @user_script:1: @user_script: 1: -READONLY You can't write", 'READONLY'],
  ["MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.", 'MISCONF'],
  ['LOADING Redis is loading the dataset in memory', 'LOADING'],
  ['BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.', 'BUSY'],
  ['DENIED Redis is running in protected mode because protected mode is enabled', 'DENIED'],
  ['NOAUTH Authentication required.', 'NOAUTH'],
])('Redis as a whole refuses with %j', (message, code) => {
  expect(describeFailure(reply(message))).toEqual({ kind: 'refused', reason: expect.stringMatching(`^${code}: it`) })
})

test('one command is refused with an error of its own, of which nothing is repeated', () => {
  const unknown = 'ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `default`, `S3cret`, '
  expect(describeFailure(reply(unknown))).toEqual({ kind: 'command', reason: 'it answered with an error: ERR' })
  const wrong = 'WRONGTYPE Operation against a key holding the wrong kind of value script: OOM_price'
  expect(describeFailure(reply(wrong))).toEqual({ kind: 'command', reason: 'it answered with an error: WRONGTYPE' })
})

test('an error of the connection is told by its code, never by its message', () => {
  const refused = Object.assign(new Error('connect ECONNREFUSED redis://:S3cret@h'), { code: 'ECONNREFUSED' })
  expect(describeFailure(refused)).toEqual({ kind: 'closed', reason: 'the connection failed: ECONNREFUSED' })
  expect(describeFailure(new Error('Connection is closed.'))).toMatchObject({ kind: 'closed' })
  expect(describeFailure(new Error('Command timed out'))).toMatchObject({ kind: 'timeout' })
  expect(describeFailure('S3cret').reason).not.toContain('S3cret')
})
