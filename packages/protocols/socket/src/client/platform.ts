/** What the client takes of the platform that it runs in, a browser or Node. Nothing else of it touches them. */
export type Platform = {
  readonly connect: (url: string, protocol: string) => PlatformSocket
  /** Does something after so many milliseconds. @returns what cancels it */
  readonly after: (ms: number, work: () => void) => () => void
  /** A number in [0, 1). */
  readonly random: () => number
}

/** The part of a WebSocket that is used. */
export type PlatformSocket = Pick<WebSocket, 'send' | 'close' | 'addEventListener'>

export const ownPlatform: Platform = {
  connect: (url, protocol) => new WebSocket(url, protocol),
  after: (ms, work) => {
    const timer = setTimeout(work, ms)
    return () => clearTimeout(timer)
  },
  random: () => Math.random(),
}
