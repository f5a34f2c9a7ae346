/**
 * A benchmark process's side of the talk with its parent: each question is answered by the function of its `ask`, and
 * when the parent hangs up, `end` is called and the process ends.
 */
export function converse(answers: Readonly<Record<string, (question: Question) => unknown>>, end: () => unknown): void {
  process.on('message', (question: Question) => {
    void Promise.resolve(answers[question.ask]?.(question)).then((answer) => process.send?.(answer ?? {}), fail)
  })
  process.once('disconnect', () => void Promise.resolve(end()).then(() => process.exit(0), fail))
}

/** What the parent started this process with. */
export function readSetup<Setup>(): Setup {
  return JSON.parse(process.argv[2] ?? '{}')
}

/** The fields that some question has. */
export interface Question {
  readonly ask: string
  readonly trades: number
  readonly warmTrades: number
  readonly ms: number
  readonly perTurn: number
  readonly newest: number
  readonly behind: number
  readonly file: string
  readonly ticks: number
  readonly batchTicks: number
  readonly perSecond: number
  readonly rows: number
}

function fail(error: unknown): void {
  console.error(error)
  process.exit(1)
}
