import { Refusal } from './rest-query.ts'

// Both messages are the exchange's own. Source: its errors.md, -1003.

/** A 429: the weight of this minute is used up. `until`: wall time, Unix ms. */
export function tooManyRequests(limit: number, until: number): Refusal {
  const advice = 'Please use WebSocket Streams for live updates to avoid polling the API.'
  const used = `Too much request weight used; current limit is ${limit} request weight per 1 MINUTE.`
  return new Refusal(-1003, `${used} ${advice}`, { status: 429, until })
}

/** A 418: the address is banned. `until`: wall time, Unix ms. */
export function banned(until: number): Refusal {
  const advice = 'Please use WebSocket Streams for live updates to avoid bans.'
  return new Refusal(-1003, `Way too much request weight used; IP banned until ${until}. ${advice}`, {
    status: 418,
    until,
  })
}
