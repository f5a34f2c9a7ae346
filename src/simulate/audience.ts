import { type Batch, createBatch, textFrame } from './frame.ts'
import { inEnvelope } from './stream-payload.ts'
import type { StreamPeer } from './stream-peer.ts'

/** The two ways in which a stream is heard. */
export interface Modes {
  raw: boolean
  combined: boolean
}

/** Who wants what, and how. */
export type Audience = ReadonlyMap<string, Modes>

/** What a stream has to say, in the modes that somebody hears. */
export type StreamBatches = { readonly [mode in keyof Modes]: Batch | undefined }

export function audienceOf(peers: ReadonlySet<StreamPeer>): Audience {
  const audience = new Map<string, Modes>()
  for (const peer of peers) {
    for (const stream of peer.streams) {
      const modes = audience.get(stream) ?? { raw: false, combined: false }
      modes[peer.combined ? 'combined' : 'raw'] = true
      audience.set(stream, modes)
    }
  }
  return audience
}

/** Each payload is made once, each frame once per mode, however many they go to. */
export function encode(stream: string, modes: Modes, payloads: readonly string[]): StreamBatches {
  const combined = () => payloads.map((payload) => textFrame(inEnvelope(stream, payload)))
  return {
    raw: modes.raw ? createBatch(stream, payloads.map(textFrame)) : undefined,
    combined: modes.combined ? createBatch(stream, combined()) : undefined,
  }
}
