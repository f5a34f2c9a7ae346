/**
 * Lua that Redis runs in one round trip and as one step. Sent with EVAL, not EVALSHA: that is as fast (measured, within
 * the noise, at 50 in flight), and after a restart or SCRIPT FLUSH no call comes back with NOSCRIPT to be sent again
 * behind later ones, so that a set could overtake the delete that followed it.
 */

/** A key, of which nothing stays. Whether scripts run and writes are taken. */
export const TRIAL = `
redis.call('SET', KEYS[1], '1', 'EX', 60)
return redis.call('DEL', KEYS[1])`

/** Keys; the life of them all in seconds, and for each its text. A third quicker than with a life for each: docs/adr/0012. */
export const SET_ALL = `
local call, keys, args = redis.call, KEYS, ARGV
local seconds = args[1]
for i = 1, #keys do call('SETEX', keys[i], seconds, args[i + 1]) end
return #keys`

/** What both begin with. A list or a hash is told as a text that nobody has written. */
const FIND = `
local text = redis.pcall('GET', KEYS[1])
if type(text) == 'table' then
  if string.sub(text.err, 1, 9) ~= 'WRONGTYPE' then return text end
  text = ''
end
local left = text and redis.call('PTTL', KEYS[1])
if text and left >= 0 then return {text, left} end`

/** A key. Its text and what is left of its life in ms, or nothing. */
export const GET = `${FIND}
return false`

/** A key and its lock; token, ms. The text and its life in ms; else 1: the lock is the token's, 0: somebody else's. */
export const GET_OR_LOCK = `${FIND}
if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
return 0`

/** A key and its lock; token, ms. 1: the lock lives so long. 0: it is not the token's, or the place is taken. */
export const RENEW = `
if redis.call('GET', KEYS[2]) ~= ARGV[1] or redis.call('PTTL', KEYS[1]) >= 0 then return 0 end
return redis.call('PEXPIRE', KEYS[2], ARGV[2])`

/** A key and its lock; token, text, seconds. 1: written. 0: the lock is not the token's, or the place is taken. */
export const FILL = `
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
if redis.call('PTTL', KEYS[1]) >= 0 then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1`

/** A lock; token. */
export const UNLOCK = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`

/** Keys and locks; channel, message. They are gone, too, where we may not use the channel. */
export const DELETE = `
for i = 1, #KEYS do redis.call('UNLINK', KEYS[i]) end
redis.pcall('PUBLISH', ARGV[1], ARGV[2])
return 1`

/** Keys. What is left of each one's life in ms; -1: it has no end, -2: no such key. */
export const REMAINING = `
local left = {}
for i = 1, #KEYS do left[i] = redis.call('PTTL', KEYS[i]) end
return left`
