import { hkdfSync, randomBytes } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, linkSync, mkdirSync, openSync } from 'node:fs'
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import * as z from 'zod'
import { ConfigError } from './config.ts'

const SECRET = z.string().regex(/^[\w-]{43,128}$/)
const SECRETS = z.strictObject({ ariPassword: SECRET })

/** What this installation alone knows. All are 32 random bytes as base64url. */
export type Secrets = Readonly<{
  /** Of the ARI user `pinbridge` of our own Asterisk. */
  ariPassword: string
}>

/**
 * The secrets in `<data>/secrets.json`, made on the first start together with the folder (mode 0700).
 * Throws ConfigError for a file that is damaged or that others may read. It is never made anew by itself: a running
 * Asterisk would lock us out, so people decide that.
 */
export function loadSecrets(data: string): Secrets {
  const file = path.join(data, 'secrets.json')
  try {
    if (!existsSync(file)) create(data, file)
    return read(file)
  } catch (error) {
    if (error instanceof ConfigError) throw error
    throw new ConfigError([`${file}: ${(error as Error).message}`])
  }
}

/** What addresses that work without login are signed with. Derived (RFC 5869), so that one secret is all there is to keep. */
export function linkKey({ ariPassword }: Secrets): string {
  return Buffer.from(hkdfSync('sha256', ariPassword, '', 'pinbridge links', 32)).toString('base64url')
}

function read(file: string): Secrets {
  const { mode } = statSync(file)
  if ((mode & 0o077) !== 0) {
    const found = (mode & 0o777).toString(8).padStart(3, '0')
    throw new ConfigError([
      `${file}: found mode ${found}, expected 600. If nobody else has read it: chmod 600 ${file}. ` +
        'Otherwise delete it; new secrets are made at the next start.',
    ])
  }
  const parsed = SECRETS.safeParse(parse(readFileSync(file, 'utf8')))
  if (parsed.success) return Object.freeze(parsed.data)
  // Neither the parser's nor zod's words: both may quote a secret.
  const wrong = parsed.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys' ? issue.keys : issue.path,
  )
  const found = wrong.length > 0 ? `a wrong or missing ${wrong.join(', ')}` : 'no JSON object'
  throw new ConfigError([
    `${file}: found ${found}. Restore it from a backup, or delete it; new secrets are made at the next start.`,
  ])
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Complete or not at all, whenever the power goes; of two processes that start together, both use the same file. */
function create(data: string, file: string): void {
  const fresh = () => randomBytes(32).toString('base64url')
  const secrets: Secrets = { ariPassword: fresh() }
  mkdirSync(data, { recursive: true, mode: 0o700 })
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`
  writeFileSync(temporary, `${JSON.stringify(secrets, undefined, 2)}\n`, { mode: 0o600, flush: true })
  try {
    // Not a rename, which would put this file over the one that another process has made meanwhile.
    linkSync(temporary, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(temporary)
  }
  const folder = openSync(data, 'r')
  fsyncSync(folder)
  closeSync(folder)
}
