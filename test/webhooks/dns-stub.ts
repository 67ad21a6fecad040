import { createSocket } from 'node:dgram'
import { Resolver } from 'node:dns/promises'

export type Answers = (name: string, type: 'A' | 'AAAA') => string[]

const TYPES = { 1: 'A', 28: 'AAAA' } as const
const HEADER_BYTES = 12
const QUESTION_TAIL_BYTES = 4

/** A name server on loopback (RFC 1035 section 4) whose answers may not be remembered, and a resolver that asks it alone. */
export async function dnsStub(answers: Answers) {
  const server = createSocket('udp4')
  server.on('message', (query, from) => server.send(reply(query, answers), from.port, from.address))
  await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve))
  const resolver = new Resolver({ timeout: 1_000, tries: 1 })
  resolver.setServers([`127.0.0.1:${server.address().port}`])
  return { resolver, close: () => new Promise<void>((resolve) => server.close(resolve)) }
}

function reply(query: Buffer, answers: Answers): Buffer {
  const labels: string[] = []
  let end = HEADER_BYTES
  for (let length = query[end] ?? 0; length > 0; length = query[end] ?? 0) {
    labels.push(query.toString('latin1', end + 1, end + 1 + length))
    end += 1 + length
  }
  end += 1
  const type = query.readUInt16BE(end)
  const asked = TYPES[type as keyof typeof TYPES]
  const records = answers(labels.join('.'), asked).map((address) => record(type, bytesOf(address)))
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt16BE(query.readUInt16BE(0), 0)
  header.writeUInt16BE(0x8180, 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(records.length, 6)
  return Buffer.concat([header, query.subarray(HEADER_BYTES, end + QUESTION_TAIL_BYTES), ...records])
}

/** A resource record that points at the question's name, with a life of 0 seconds. */
function record(type: number, data: Buffer): Buffer {
  const head = Buffer.alloc(HEADER_BYTES)
  head.writeUInt16BE(0xc000 + HEADER_BYTES, 0)
  head.writeUInt16BE(type, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt16BE(data.length, 10)
  return Buffer.concat([head, data])
}

function bytesOf(address: string): Buffer {
  if (!address.includes(':')) return Buffer.from(address.split('.').map(Number))
  const [left = [], right = []] = address.split('::').map((half) => half.split(':').filter(Boolean))
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right]
  return Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex')
}
