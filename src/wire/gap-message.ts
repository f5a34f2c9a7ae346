import type { ServerMessage } from './messages.ts'

/** What is known of a hole. Ids are inclusive. */
export type GapNews = Omit<ServerMessage<'gap'>, 'type' | 'count' | 'reason'> & { readonly reason?: string | undefined }

/** The `gap` frame of a hole, live or in its place in a history. */
export function gapMessage({ symbol, from, to, status, reason }: GapNews): ServerMessage<'gap'> {
  return { type: 'gap', symbol, from, to, count: to - from + 1, status, ...(reason !== undefined && { reason }) }
}
