const DAY = 24 * 60 * 60_000
/** Local midnight is at most so far from UTC's. */
const FARTHEST = 16 * 60 * 60_000
/** From the year 1 to the year 9999: outside of it there are no local dates to speak of. */
const EARLIEST = -62_135_596_800_000
const LATEST = 253_402_300_800_000

/**
 * The days of a time zone. A day is named by 00:00 UTC of its date, and lasts from the first moment at which clocks
 * there show that date to the first at which they show the next: 23, 24 or 25 hours, mostly.
 *
 * `Intl` takes microseconds to answer, and this is asked for every tick: the day found last is kept, and where each day
 * begins.
 */
export class ExchangeDays {
  readonly #format: Intl.DateTimeFormat
  readonly #begins = new Map<number, number>()
  /** The day found last, and from when to when it lasts. */
  #day = Number.NaN
  #from = Number.POSITIVE_INFINITY
  #to = Number.NEGATIVE_INFINITY

  /** @throws RangeError for a name that is no IANA time zone. */
  constructor(timeZone: string) {
    this.#format = new Intl.DateTimeFormat('en-US', {
      ...{ timeZone, calendar: 'gregory', numberingSystem: 'latn', hourCycle: 'h23' },
      ...{ year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' },
    })
  }

  /** The day of a moment (Unix ms). */
  at(moment: number): number {
    if (moment >= this.#from && moment < this.#to) return this.#day
    const day = floorDay(moment)
    return moment > EARLIEST && moment < LATEST ? this.#find(moment) : day
  }

  /** When a day begins (Unix ms). */
  begin(day: number): number {
    if (!(day > EARLIEST && day < LATEST)) return day
    const known = this.#begins.get(day)
    if (known !== undefined) return known
    const begin = this.#findBegin(day)
    this.#begins.set(day, begin)
    return begin
  }

  #find(moment: number): number {
    let day = floorDay(moment + this.#offset(moment))
    // Clocks that are put back over midnight show a date twice; its day has begun all the same.
    if (moment >= this.begin(day + DAY)) day += DAY
    this.#day = day
    this.#from = this.begin(day)
    this.#to = this.begin(day + DAY)
    return day
  }

  #findBegin(day: number): number {
    const offset = this.#offset(day - this.#offset(day))
    const begin = day - offset
    if (this.#offset(begin) === offset && this.#offset(begin - 1) === offset) return begin
    let [before, after] = [day - FARTHEST, day + FARTHEST]
    while (after - before > 1) {
      const middle = Math.floor((before + after) / 2)
      if (middle + this.#offset(middle) < day) before = middle
      else after = middle
    }
    return after
  }

  /** What local clocks show beyond UTC at a moment (ms). */
  #offset(moment: number): number {
    const shown: Record<string, number> = {}
    for (const { type, value } of this.#format.formatToParts(moment)) shown[type] = Number(value)
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = shown
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(moment / 1_000) * 1_000
  }
}

function floorDay(time: number): number {
  return Math.floor(time / DAY) * DAY
}
