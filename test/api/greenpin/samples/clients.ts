import { fileURLToPath } from 'node:url'

/** Where a client is pointed at, and as whom. */
export type Target = { url: string; user: string; token: string }
/** A program to run. It prints the answer's body and, as the last line, its status. */
export type Command = { file: string; args: string[]; input?: string }

const indented = (body: object) => JSON.stringify(body, null, 4)

/** Without the configuration of whoever runs it. */
function curl(...args: string[]): Command {
  return { file: 'curl', args: ['--disable', '-sS', '-w', '\n%{http_code}\n', ...args] }
}

/** The credentials in the URL, as the curl samples of the updates have them. */
function withLogin({ url, user, token }: Target): string {
  return Object.assign(new URL(url), { username: user, password: token }).href
}

/** "Create a Pin Allocation" */
export function create({ url, user, token }: Target, body: object): Command {
  const login = `Authorization: Basic ${btoa(`${user}:${token}`)}`
  const headers = [login, 'Content-Type: application/json', 'cache-control: no-cache']
  return curl('-X', 'POST', url, ...headers.flatMap((header) => ['-H', header]), '-d', indented(body))
}

/** "Get Details of a Pin Allocation" and "Delete a Pin Allocation": no header at all, not even a content type. */
export const read = (to: Target) => curl('-X', 'GET', withLogin(to))
export const remove = (to: Target) => curl('-X', 'DELETE', withLogin(to))

type Updater = {
  /** Ends with 0 where this client can run. */
  probe: [file: string, ...args: string[]]
  update: (to: Target, body: object) => Command
  /** What stands before the encoded credentials. */
  scheme: 'Basic ' | 'Basic'
  /** The bulk goes to the path of the first allocation. */
  bulkToOne?: true
  /** The headers that it sends besides those which every HTTP client sends. */
  headers: string[]
}

/** One of our programs: the target are its arguments, the body is its standard input. */
function program(script: URL, file: string, ...args: string[]): Updater['update'] {
  return ({ url, user, token }, body) => ({
    file,
    args: [...args, fileURLToPath(script), url, user, token],
    input: indented(body),
  })
}

/** Who sends "Update a GreenPin Allocation" and "Bulk Update GreenPin Allocations". */
export const updaters: Record<'curl' | 'node' | 'php' | 'python' | 'go', Updater> = {
  curl: {
    probe: ['curl', '--version'],
    update: (to, body) => {
      const type = 'Content-Type: application/json'
      const data = ['--header', type, '--data-raw', indented(body)]
      return curl('--location', '--request', 'PUT', withLogin(to), ...data)
    },
    scheme: 'Basic ',
    headers: ['authorization', 'content-type'],
  },
  node: {
    probe: [process.execPath, '-e', 'require.resolve("request")'],
    update: program(new URL('./put.ts', import.meta.url), process.execPath),
    scheme: 'Basic',
    headers: ['authorization', 'content-type'],
  },
  php: {
    probe: ['php', '-r', 'exit(function_exists("curl_init") ? 0 : 1);'],
    update: program(new URL('./put.php', import.meta.url), 'php'),
    scheme: 'Basic ',
    headers: ['accept-encoding', 'authorization', 'content-type'],
  },
  python: {
    probe: ['python3', '-c', 'import requests'],
    update: program(new URL('./put.py', import.meta.url), 'python3'),
    scheme: 'Basic ',
    headers: ['accept-encoding', 'authorization', 'content-type'],
  },
  go: {
    probe: ['go', 'version'],
    update: program(new URL('./put.go', import.meta.url), 'go', 'run'),
    bulkToOne: true,
    scheme: 'Basic ',
    headers: ['accept-encoding', 'authorization', 'cache-control', 'content-type'],
  },
}
