/** Requests that servers read in different ways, collected by others. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export type Case = { readonly name: string; readonly bytes: Buffer }

const latin1 = (name: string, text: string): Case => ({ name, bytes: Buffer.from(text, 'latin1') })

/**
 * The requests that gunicorn's tests read, as their authors wrote them: lines count for nothing, what ends one is spelled out. Each a
 * second time with a Host where it has none, or that alone would have it refused.
 */
export function gunicornCases(folder: string): readonly Case[] {
  return ['valid', 'invalid'].flatMap((kind) =>
    readdirSync(join(folder, kind))
      .filter((file) => file.endsWith('.http'))
      .flatMap((file) => {
        const text = readFileSync(join(folder, kind, file), 'latin1')
          .replaceAll('\n', '')
          .replaceAll(String.raw`\r\n`, '\r\n')
          .replaceAll(String.raw`\0`, '\0')
          .replaceAll(String.raw`\n`, '\n')
          .replaceAll(String.raw`\t`, '\t')
        const name = `gunicorn ${kind}/${file}`
        const named = text.replace(/(HTTP\/1\.[01]\r\n)(?!host:)/gi, '$1Host: a\r\n')
        return /\r\nhost:/i.test(text) || named === text
          ? [latin1(name, text)]
          : [latin1(name, text), latin1(`${name} + Host`, named)]
      }),
  )
}

const CODING = 'Transfer-Encoding'
const character = (code: number): string => String.fromCharCode(code)
const hex = (code: number): string => code.toString(16).padStart(2, '0')

/** How a field is written so that one server sees it and another does not: the lists of smuggler and of HTTP Request Smuggler, by their names. */
function codings(): ReadonlyMap<string, string> {
  const named: Readonly<Record<string, string>> = {
    vanilla: `${CODING}: chunked`,
    nameprefix1: ` ${CODING}: chunked`,
    'nameprefix1 after a field': `Foo: bar\r\n ${CODING}: chunked`,
    nameprefix2: `Foo: bar\r\n\t${CODING}: chunked`,
    tabprefix1: `${CODING}:\tchunked`,
    tabprefix2: `${CODING}\t:\tchunked`,
    spacejoin1: 'Transfer Encoding: chunked',
    underjoin1: 'Transfer_Encoding: chunked',
    smashed: 'Transfer Encoding:chunked',
    nospace1: `${CODING}:chunked`,
    space1: `${CODING} : chunked`,
    valueprefix1: `${CODING}:  chunked`,
    vertprefix1: `${CODING}:\x0bchunked`,
    vertwrap: `${CODING}: \n\x0bchunked`,
    tabwrap: `${CODING}: \r\n\tchunked`,
    linewrapped1: `${CODING}:\n chunked`,
    doublewrapped: `${CODING}:\r\n \r\n chunked`,
    badwrap: `X-Blah-Ignore: x\r\n ${CODING}: chunked`,
    gareth1: `${CODING}\n : chunked`,
    badsetupCR: `Foo: bar\r${CODING}: chunked`,
    badsetupLF: `Foo: bar\n${CODING}: chunked`,
    '0dwrap': `Foo: bar\r\n\r${CODING}: chunked`,
    '0dspam': `Tra\rnsfer-Encoding: chunked`,
    '0dspam after the first word': 'Transfer\r-Encoding: chunked',
    '0dsuffix': `${CODING}: chunked\r`,
    tabsuffix: `${CODING}: chunked\t`,
    commaCow: `${CODING}: chunked, cow`,
    cowComma: `${CODING}: cow, chunked`,
    'commaCow identity': `${CODING}: chunked, identity`,
    'cowComma identity': `${CODING}: identity, chunked`,
    contentEnc: 'Content-Encoding: chunked',
    quoted: `${CODING}: "chunked"`,
    aposed: `${CODING}: 'chunked'`,
    lazygrep: `${CODING}: chunk`,
    multiCase: 'tRANSFER-ENCODING: chunked',
    UPPERCASE: 'TRANSFER-ENCODING: chunked',
    sarcasm: 'TrAnSFer-EnCODinG: cHuNkeD',
    yelling: 'TRANSFER-ENCODING: CHUNKED',
    dualchunk: `${CODING}: chunked\r\nTransfer-encoding: identity`,
    revdualchunk: `${CODING}: cow\r\n${CODING}: chunked`,
    'revdualchunk identity': `${CODING}: identity\r\n${CODING}: chunked`,
    nested: `${CODING}: cow chunked bar`,
    'nested identity': `${CODING}: identity, chunked, identity`,
    bodysplit: `Foo: bar\n\n${CODING}: chunked`,
    connection: `Connection: ${CODING}\r\n${CODING}: chunked`,
    spjunk: `${CODING} x: chunked`,
    backslash: 'Transfer\\Encoding: chunked',
    spaceFF: `${CODING}:\xffchunked`,
    unispace: `${CODING}:\xa0chunked`,
    nel: `${CODING}\x85: chunked`,
    nbsp: `${CODING}\xa0: chunked`,
    shy: 'Transfer\xadEncoding: chunked',
    shy2: `${CODING}\xad: chunked`,
    encode: 'Transfer-%45ncoding: chunked',
    qencode: `${CODING}: =?iso-8859-1?B?Y2h1bmtlZA==?=`,
    qencodeutf: `${CODING}: =?UTF-8?B?Y2h1bmtlZA==?=`,
    accentTE: 'Transf\x82r-Encoding: chunked',
    accentCH: `${CODING}: ch\x96nked`,
    'x-rout': `X:X\r${CODING}: chunked`,
    'x-nout': `X:X\n${CODING}: chunked`,
  }
  const all = new Map(Object.entries(named))
  for (let code = 1; code < 256; code++) {
    if (code > 0x20 && code < 0x7f) continue
    const [c, at] = [character(code), hex(code)]
    all.set(`midspace-${at}`, `${CODING}:${c}chunked`)
    all.set(`postspace-${at}`, `${CODING}${c}: chunked`)
    all.set(`prespace-${at}`, `${c}${CODING}: chunked`)
    all.set(`endspace-${at}`, `${CODING}: chunked${c}`)
    all.set(`xprespace-${at}`, `X: X${c}${CODING}: chunked`)
    all.set(`endspacex-${at}`, `${CODING}: chunked${c}X: X`)
    all.set(`rxprespace-${at}`, `X: X\r${c}${CODING}: chunked`)
    all.set(`xnprespace-${at}`, `X: X${c}\n${CODING}: chunked`)
    all.set(`endspacerx-${at}`, `${CODING}: chunked\r${c}X: X`)
    all.set(`endspacexn-${at}`, `${CODING}: chunked${c}\nX: X`)
  }
  return all
}

/** The same of Content-Length. */
const LENGTHS: Readonly<Record<string, (length: number) => string>> = {
  'CL-plus': (length) => `Content-Length: +${length}`,
  'CL-minus': (length) => `Content-Length: -${length}`,
  'CL-pad': (length) => `Content-Length: 0${length}`,
  'CL-bigpad': (length) => `Content-Length: 00000000000${length}`,
  'CL-spacepad': (length) => `Content-Length: 0 ${length}`,
  'CL-e': (length) => `Content-Length: ${length}e0`,
  'CL-dec': (length) => `Content-Length: ${length}.0`,
  'CL-commaprefix': (length) => `Content-Length: 0, ${length}`,
  'CL-commasuffix': (length) => `Content-Length: ${length}, 0`,
  'CL-twice': (length) => `Content-Length: ${length}\r\nContent-Length: 0`,
  'CL-error': (length) => `Content-Length: ${length}x`,
}

/** What comes after the first request if somebody has not seen all of that one. */
const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'

/** Each way to write Transfer-Encoding beside a true Content-Length, before and after it, with a body that ends elsewhere by each. */
export function smugglingCases(): readonly Case[] {
  const head = (lines: readonly string[]): string => `POST /carrier HTTP/1.1\r\nHost: a\r\n${lines.join('\r\n')}\r\n\r\n`
  const chunked = `0\r\n\r\n${SMUGGLED}`
  const cases = [...codings()].flatMap(([name, coding]) => [
    // By its length the smuggled one belongs to the body; by its chunks it is a request.
    latin1(`${name} CL.TE`, head([coding, `Content-Length: ${chunked.length}`]) + chunked),
    // By its length the body ends early; by its chunks the smuggled one is in it.
    latin1(
      `${name} TE.CL`,
      `${head(['Content-Length: 4', coding])}${SMUGGLED.length.toString(16).padStart(2, '0')}\r\n${SMUGGLED}\r\n0\r\n\r\n`,
    ),
    latin1(`${name} alone`, `${head([coding])}5\r\nhello\r\n0\r\n\r\n${SMUGGLED}`),
  ])
  const lengths = Object.entries(LENGTHS).map(([name, length]) => latin1(name, head([length(SMUGGLED.length)]) + SMUGGLED))
  return [...cases, ...lengths]
}
