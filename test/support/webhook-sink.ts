import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

/** How the sink answers one request: a status (with headers and body), nothing at all, or a cut connection. */
export type Answer =
  number | { status: number; headers?: Record<string, string>; body?: string | Buffer } | 'hang' | 'drop'

export type Received = {
  /** The address of this machine to which the request came. */
  to: string | undefined
  method: string
  path: string
  headers: IncomingHttpHeaders
  body: string
}

/** A receiver of webhooks with a script, on a real socket. */
export type Sink = {
  url: string
  port: number
  /** Requests in order of arrival, each complete with its body. */
  received: Received[]
  /** TCP connections accepted so far. */
  readonly connections: number
  /** What comes next: one answer a request, the last one for ever. */
  answer(...script: Answer[]): void
  /** Answers all requests that hang. */
  release(status: number): void
  close(): Promise<void>
}

/** Starts with 204 for everything. */
export async function webhookSink({ host = '127.0.0.1' } = {}): Promise<Sink> {
  const received: Received[] = []
  const hanging: ServerResponse[] = []
  let script: Answer[] = [204]

  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request
      const body = Buffer.concat(chunks).toString()
      received.push({ to: request.socket.localAddress, method, path, headers, body })
      const next = (script.length > 1 ? script.shift() : script[0]) ?? 204
      if (next === 'hang') hanging.push(response)
      else reply(response, next)
    })
  })
  const tracked = track(server)
  await new Promise<void>((resolve, reject) => server.on('error', reject).listen(0, host, resolve))
  const bound = (server.address() as AddressInfo).port
  return {
    url: `http://${host}:${bound}/hook`,
    port: bound,
    received,
    get connections() {
      return tracked.total
    },
    answer: (...answers) => void (script = answers),
    release: (status) => hanging.splice(0).forEach((response) => reply(response, status)),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of tracked.open) socket.destroy()
      }),
  }
}

const PLAIN = { headers: undefined, body: undefined }

function reply(response: ServerResponse, answer: Exclude<Answer, 'hang'>): void {
  if (answer === 'drop') {
    response.socket?.destroy()
    return
  }
  const { status, headers, body } = typeof answer === 'number' ? { ...PLAIN, status: answer } : answer
  response.writeHead(status, headers).end(body)
}

function track(server: Server): { total: number; open: Set<Socket> } {
  const tracked = { total: 0, open: new Set<Socket>() }
  server.on('connection', (socket) => {
    tracked.total++
    tracked.open.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => tracked.open.delete(socket))
  })
  return tracked
}
