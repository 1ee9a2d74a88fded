import { startProxy, type Fate, type Proxy } from '@dure/testing/servers'

const PRODUCE = 0

/** A way to a Kafka broker that can be cut at a request. Where it leads to is set later: the broker has to know it first. */
export const startKafkaProxy = (): Promise<Proxy> =>
  startProxy({
    to: 0,
    frame: (bytes) => {
      const length = bytes.length < 4 ? Infinity : 4 + bytes.readInt32BE(0)
      return bytes.length < length ? undefined : length
    },
  })

/** The fate of requests to publish, by their bytes as text; all others pass. */
export const published =
  (fate: (text: string) => Fate) =>
  (request: Buffer): Fate =>
    request.readInt16BE(4) === PRODUCE ? fate(request.toString('latin1')) : 'passes'
