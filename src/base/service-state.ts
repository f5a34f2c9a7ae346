/**
 * How something that the gateway needs is: a feed, a tier. `stale`: it is there, but behind, or not heard for longer
 * than it should be. `down`: it is tried again. `off`: it is not used, and will not be by itself.
 */
export const SERVICE_STATES = ['connecting', 'live', 'stale', 'down', 'off'] as const
export type ServiceState = (typeof SERVICE_STATES)[number]
