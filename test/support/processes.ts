import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'

export type Listener = { kind: 'tcp' | 'udp'; address: string; port: number }

/** State of a row of /proc/net/tcp (include/net/tcp_states.h). */
const LISTENS = '0A'

/** Where a process can be reached over IP: TCP sockets that listen, UDP sockets that are bound. */
export function listenersOf(pid: number): Listener[] {
  const own = new Set(readdirSync(`/proc/${pid}/fd`).map((fd) => inodeOf(`/proc/${pid}/fd/${fd}`)))
  return ['tcp', 'tcp6', 'udp', 'udp6'].flatMap((table) => {
    const rows = readFileSync(`/proc/${pid}/net/${table}`, 'utf8').trim().split('\n').slice(1)
    return rows
      .map((row) => row.trim().split(/\s+/))
      .filter((row) => own.has(row[9]) && (table.startsWith('udp') || row[3] === LISTENS))
      .map(([, local = '']) => listener(table, local))
  })
}

function inodeOf(link: string): string | undefined {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(link))?.[1]
  } catch {
    return undefined // closed while we looked
  }
}

/** The kernel writes an address as words in the machine's byte order. Those of IPv6 stay in hexadecimal. */
function listener(table: string, local: string): Listener {
  const [hex = '', port = ''] = local.split(':')
  const address = table.endsWith('6') ? hex : [...Buffer.from(hex, 'hex')].reverse().join('.')
  return { kind: table.startsWith('tcp') ? 'tcp' : 'udp', address, port: Number.parseInt(port, 16) }
}

/** Processes that see this folder as /srv/asterisk: the Asterisk of it, and whatever it has started. */
export function livingOn(folder: string): number[] {
  const outside = statSync(folder)
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const inside = statSync(`/proc/${pid}/root/srv/asterisk`)
        return inside.dev === outside.dev && inside.ino === outside.ino
      } catch {
        return false
      }
    })
}
