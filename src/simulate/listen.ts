import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describeError, GatewayError } from '../base/errors.ts'

/** The port that the server got; 0 takes any free one. @throws GatewayError `port_taken` */
export function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const message = `port ${port} on ${host} must be free, was ${describeError(error)}`
      reject(new GatewayError('port_taken', message, { cause: error }))
    })
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port))
  })
}

/** Closes it and cuts the requests that it still has. */
export function stopServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
