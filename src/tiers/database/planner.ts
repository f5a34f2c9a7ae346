/**
 * Run on every new connection. All our reads ask for the next few rows in the order of an index, and that is how they
 * must be planned: where statistics are old or missing (the embedded database has nobody to gather them, a new day's
 * partition has none anywhere) the planner would rather collect all the rows of an instrument and sort them. A sort that
 * cannot be avoided, of a page, then looks so dear to it that every read was compiled first (JIT), which took a second.
 */
export const PLANNER_SETTINGS = `select ${['enable_bitmapscan', 'enable_sort', 'jit']
  .map((name) => `set_config('${name}', 'off', false)`)
  .join(', ')}`
