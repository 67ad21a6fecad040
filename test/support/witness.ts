import ari from 'ari-client'

type Seen = {
  type: string
  channel?: { id: string; name: string }
  bridge?: { id: string; channels: string[] }
  playback?: { media_uri: string; target_uri: string }
  cause?: number
}

/** Somebody else's ARI client who sees everything that happens on the Asterisk, whatever ours believes. */
export type Witness = {
  seen: Seen[]
  /** The prompts that were started, in order. */
  played: () => string[]
  close: () => void
}

const TYPES = [
  ...['StasisStart', 'StasisEnd', 'ChannelDestroyed', 'ChannelHangupRequest', 'ChannelCreated'],
  ...['BridgeCreated', 'BridgeDestroyed', 'ChannelEnteredBridge', 'ChannelLeftBridge', 'PlaybackStarted'],
]

type Client = {
  on: (type: string, listener: (event: Seen) => void) => void
  start: (application: string, subscribeAll: boolean) => Promise<void>
  stop: () => void
  asterisk: { ping: () => Promise<unknown> }
}

/** Connects `ari-client`, which is not of our making, and subscribes it to all events. */
export async function witness(url: string, password: string): Promise<Witness> {
  const client = await quietly(
    async () => (await ari.connect(url, 'pinbridge', password)) as unknown as Client,
  )
  const seen: Seen[] = []
  for (const type of TYPES) client.on(type, (event) => seen.push(event))
  await client.start('witness', true)
  return {
    seen,
    played: () =>
      seen.filter(({ type }) => type === 'PlaybackStarted').map(({ playback }) => playback?.media_uri ?? ''),
    close: () => client.stop(),
  }
}

/** It greets on the console, where the test's own report should stand. */
async function quietly<T>(work: () => Promise<T>): Promise<T> {
  const { log } = console
  console.log = () => undefined
  try {
    return await work()
  } finally {
    console.log = log
  }
}
