import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import type { Stage } from './stage.ts'

const run = promisify(execFile)
const SCRIPTS = path.resolve(import.meta.dirname, '../../asterisk-docker')

/** The path of the root folder in which Asterisk and SIPp are. */
export async function rootFolder(): Promise<string> {
  const { stdout } = await run(path.join(SCRIPTS, 'rootfs.sh'))
  return stdout.trim()
}

/** Runs a command of the root folder, with a folder bound into it; resolves to what it prints. */
export async function inRootFolder(
  { folder, inside }: { folder: string; inside: '/srv/sipp' | '/srv/asterisk' },
  command: string[],
): Promise<string> {
  const args = [await rootFolder(), '--bind', folder, inside, '--', ...command]
  return (await run(path.join(SCRIPTS, 'enter.sh'), args, { maxBuffer: 64 * 1024 * 1024 })).stdout
}

/** What the running Asterisk of a data folder answers to a command of its console. */
export function asteriskSays(data: string, command: string): Promise<string> {
  const asterisk = ['asterisk', '-C', '/srv/asterisk/etc/asterisk.conf', '-rx', command]
  return inRootFolder({ folder: path.join(data, 'asterisk'), inside: '/srv/asterisk' }, asterisk)
}

/** All that Asterisk would tell of its channels now, their variables included, and of what it keeps. */
export async function lookInside({ data, ari }: Pick<Stage, 'data' | 'ari'>): Promise<string> {
  const channels = (await ari('GET', 'channels')) as { name: string }[]
  const commands = [...channels.map(({ name }) => `core show channel ${name}`), 'dialplan show globals']
  const said = await Promise.all(commands.map((command) => asteriskSays(data, command)))
  return [JSON.stringify(channels), ...said].join('\n')
}
