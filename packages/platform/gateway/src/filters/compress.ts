import { constants, createBrotliCompress, createGzip, createZstdCompress } from 'node:zlib'
import type { Transform } from 'node:stream'
import { BYTES, checkNumbers, COUNT } from 'dure/runtime/internal'
import { filter, type Filter, type GatewayAnswer, type GatewayRequest } from '../filter.ts'
import type { MakeStage } from '../proxy/proxy.ts'
import { preferredOf } from './accepted.ts'
import { withVary } from './vary.ts'

export type Coding = 'gzip' | 'br' | 'zstd'

export type CompressOptions = {
  /** In the order in which they are taken, where a client likes several alike. Default zstd (where Node has it), br, gzip. */
  readonly codings?: readonly Coding[]
  /** Answers that are known to be shorter stay as they are: bytes. Default 1,024. */
  readonly least?: number
  /** Which content types: `text/plain`, `text/*`, `application/*+json`. Default: text, JSON, XML, JavaScript, SVG, WebAssembly. */
  readonly types?: readonly string[]
  /** Names of routes whose answers repeat what a request has said beside a secret: they are never compressed. Default none. */
  readonly except?: readonly string[]
  /**
   * Whether answers to requests with credentials that browsers send by themselves (cookies, Basic) are compressed as well. Their length would
   * tell what they hold, letter by letter, to whoever sees it and can have a browser ask again and again (BREACH). Default false.
   */
  readonly credentials?: boolean
  /** Answers that are compressed at once; further ones stay as they are. Default 256. */
  readonly atOnce?: number
}

const TYPES = [
  ...['text/*', 'application/json', 'application/*+json', 'application/x-ndjson', 'application/xml', 'application/*+xml'],
  ...['application/javascript', 'application/wasm', 'image/svg+xml'],
]
/** Each of them comes in its time. */
const STREAMS: ReadonlySet<string> = new Set(['text/event-stream', 'application/x-ndjson'])

/**
 * For answers on their way: what each further level costs is more than it saves, and small windows bound what one takes to half a megabyte.
 * @param atOnce what each write holds is told of at once
 */
const MAKE: Readonly<Record<Coding, ((atOnce: boolean) => Transform) | undefined>> = {
  gzip: (atOnce) => createGzip({ level: 4, ...(atOnce && { flush: constants.Z_SYNC_FLUSH }) }),
  br: (atOnce) =>
    createBrotliCompress({
      params: { [constants.BROTLI_PARAM_QUALITY]: 4, [constants.BROTLI_PARAM_LGWIN]: 18 },
      ...(atOnce && { flush: constants.BROTLI_OPERATION_FLUSH }),
    }),
  zstd:
    typeof createZstdCompress === 'function'
      ? (atOnce) =>
          createZstdCompress({
            params: { [constants.ZSTD_c_compressionLevel]: 3, [constants.ZSTD_c_windowLog]: 18 },
            ...(atOnce && { flush: constants.ZSTD_e_flush }),
          })
      : undefined,
}

/**
 * Compresses answers for clients that take it, by their type and size, as they pass. What is encoded already, a part (206), or said to stay as
 * it is (`no-transform`) does; event streams are compressed event by event. A strong `ETag` becomes a weak one. Bodies of requests
 * pass as they are: nothing is unpacked here.
 * @throws {TypeError} when a coding is not one that Node has, or a number cannot be used
 *
 * @example
 * ```ts
 * import { compress } from '@dure/gateway'
 *
 * console.log(compress({ codings: ['br', 'gzip'], except: ['login'] }).name) // → compress
 * ```
 */
export function compress(options: CompressOptions = {}): Filter {
  const { least = 1_024, types = TYPES, except = [], credentials = false, atOnce = 256 } = options
  const codings = options.codings ?? (['zstd', 'br', 'gzip'] as const).filter((coding) => MAKE[coding] !== undefined)
  checkNumbers('compress answers', { least, atOnce }, { least: BYTES, atOnce: COUNT })
  for (const coding of codings)
    if (MAKE[coding] === undefined) throw new TypeError(`Cannot compress answers by "${String(coding)}": give gzip, br or zstd`)
  const isWanted = typesOf(types)
  return filter('compress', () => {
    let under = 0
    return {
      after: (answer, request) => {
        const type = answer.header('content-type')?.split(';', 1)[0]!.trim().toLowerCase()
        if (type === undefined || !isWanted(type) || staysAsItIs(answer) || (answer.length ?? least) < least) return
        // What others get, who take it so or do not, is another answer of the same address.
        answer.setHeader('vary', withVary(answer.header('vary'), 'accept-encoding'))
        if (answer.through === undefined || under >= atOnce || except.includes(request.route)) return
        if (!credentials && hasAmbientCredentials(request)) return
        const coding = preferredOf(request.header('accept-encoding'), codings)
        if (coding === undefined) return
        answer.setHeader('content-encoding', coding)
        const tag = answer.header('etag')
        if (tag !== undefined && !tag.startsWith('W/')) answer.setHeader('etag', `W/${tag}`)
        // They are about the bytes before.
        for (const name of ['accept-ranges', 'content-md5', 'digest', 'content-digest', 'repr-digest']) answer.removeHeader(name)
        under++
        const make = (): Transform => MAKE[coding]!(STREAMS.has(type))
        answer.through(compressing(make, () => void under--))
      },
    }
  })
}

function typesOf(types: readonly string[]): (type: string) => boolean {
  const patterns = types.map((type) => {
    const [before, after] = type.toLowerCase().split('*') as [string, string | undefined]
    return (given: string): boolean =>
      after === undefined
        ? given === before
        : given.startsWith(before) && given.endsWith(after) && given.length >= before.length + after.length
  })
  return (type) => patterns.some((fits) => fits(type))
}

function staysAsItIs({ status, header }: GatewayAnswer): boolean {
  const coding = header('content-encoding')
  if (status === 206 || status === 416 || header('content-range') !== undefined) return true
  if (coding !== undefined && coding.toLowerCase() !== 'identity') return true
  return /(?:^|[\s,])no-transform(?:$|[\s,])/i.test(header('cache-control') ?? '')
}

/** Those that a browser sends whoever has it ask. */
function hasAmbientCredentials({ header }: GatewayRequest): boolean {
  const authorization = header('authorization')
  return header('cookie') !== undefined || (authorization !== undefined && !/^Bearer /i.test(authorization))
}

/** @param over told once, when it needs nothing any more */
const compressing =
  (make: () => Transform, over: () => void): MakeStage =>
  (out) => {
    const zip = make()
    zip.on('data', (bytes: Buffer) => {
      if (out.write(bytes)) zip.pause()
    })
    zip.on('end', out.end)
    zip.on('drain', out.ready)
    zip.on('error', out.fail)
    zip.on('close', over)
    return {
      write: (bytes) => !zip.write(bytes),
      end: () => void zip.end(),
      drained: () => void zip.resume(),
      stop: () => void zip.destroy(),
    }
  }
