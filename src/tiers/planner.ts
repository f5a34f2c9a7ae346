/**
 * Run on every new connection. All our reads ask for the next few rows in the order of an index, and that is how they
 * must be planned: where statistics are old or missing (the embedded database has nobody to gather them, a new day's
 * partition has none anywhere) the planner would rather collect all the rows of an instrument and sort them.
 */
export const PLANNER_SETTINGS =
  "select set_config('enable_bitmapscan', 'off', false), set_config('enable_sort', 'off', false)"
