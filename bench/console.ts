import { connect, type Socket } from 'node:net'
import { once } from 'node:events'

/** Asterisk's command line. */
export type Console = {
  /** Resolves to what Asterisk says as soon as that contains `expected`. */
  run: (command: string, expected: string) => Promise<string>
  close: () => void
}

const ANSWER_MS = 5_000

/** Connects to Asterisk's control socket, as `asterisk -r` does: each command ends with a zero byte. */
export async function openConsole(socketPath: string): Promise<Console> {
  const socket = connect(socketPath)
  await once(socket, 'connect')
  let said = ''
  socket.on('data', (chunk: Buffer) => (said += chunk.toString()))
  return {
    run(command, expected) {
      said = ''
      socket.write(`${command}\0`)
      return untilSaid(
        socket,
        command,
        () => (said.includes(expected) ? said : undefined),
        () => said,
      )
    },
    close: () => socket.destroy(),
  }
}

function untilSaid(
  socket: Socket,
  command: string,
  complete: () => string | undefined,
  sofar: () => string,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void) => {
      clearTimeout(timer)
      socket.off('data', look)
      settle()
    }
    const look = () => {
      const answer = complete()
      if (answer !== undefined) finish(() => resolve(answer))
    }
    const timer = setTimeout(
      () => finish(() => reject(new Error(`"${command}" was answered with: ${sofar()}`))),
      ANSWER_MS,
    )
    socket.on('data', look)
  })
}
