import { GatewayError } from '../../src/base/errors.ts'
import type { HttpOptions } from '../../src/http/server.ts'
import { createLogRecorder } from './log-recorder.ts'

/** An HTTP side on a free port with nothing behind it; a test spreads this and adds what it asks for. */
export function bareHttp(): HttpOptions {
  return {
    ...{ host: '127.0.0.1', port: 0, dashboardDirectory: '/nowhere', log: createLogRecorder() },
    readiness: () => ({ ready: true, reasons: [] }),
    instruments: () => [],
    source: () => undefined,
    cache: () => undefined,
    charts: () => undefined,
    markets: () => undefined,
    feeds: () => undefined,
    prices: () => undefined,
    runTask() {
      throw new GatewayError('unavailable', 'the gateway is starting')
    },
    metrics: { contentType: 'text/plain', render: async () => '' },
  }
}
