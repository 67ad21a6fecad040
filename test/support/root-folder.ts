import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const SCRIPTS = path.resolve(import.meta.dirname, '../../asterisk-docker')

/** Runs a command of the root folder in which Asterisk and SIPp are, with a folder bound into it; resolves to what it prints. */
export async function inRootFolder(
  { folder, inside }: { folder: string; inside: '/srv/sipp' | '/srv/asterisk' },
  command: string[],
): Promise<string> {
  const { stdout: root } = await run(path.join(SCRIPTS, 'rootfs.sh'))
  const args = [root.trim(), '--bind', folder, inside, '--', ...command]
  return (await run(path.join(SCRIPTS, 'enter.sh'), args, { maxBuffer: 64 * 1024 * 1024 })).stdout
}

/** What the running Asterisk of a data folder answers to a command of its console. */
export function asteriskSays(data: string, command: string): Promise<string> {
  const asterisk = ['asterisk', '-C', '/srv/asterisk/etc/asterisk.conf', '-rx', command]
  return inRootFolder({ folder: path.join(data, 'asterisk'), inside: '/srv/asterisk' }, asterisk)
}
