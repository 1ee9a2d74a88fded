import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import type { Command, RouteMap } from '@stricli/core'
import {
  certificatesOf,
  findAuthority,
  joinAuthority,
  keyText,
  newKeys,
  requestOf,
  rotateRoot,
  signRequest,
  type Authority,
} from 'dure/identity/internal'
import { realRuntime } from 'dure/runtime'
import { prepareDirectory } from '../data.ts'
import { CliError, print, readInput, say, type Shell } from '../shell.ts'
import {
  common,
  dataFlag,
  defineCommand,
  defineRoutes,
  directoryOf,
  parsedFlag,
  printResult,
  textFlag,
  wholeNumber,
  type Common,
} from './parameters.ts'

type Where = Pick<Common, 'data'>

const { clock } = realRuntime()
const DAY = 86_400_000
/** The key of a request that is not signed yet. */
const PENDING = 'authority-request.key'

/** @throws {CliError} */
function found(shell: Shell, flags: Where): Authority {
  const directory = directoryOf(shell, flags)
  const authority = told(() => findAuthority({ directory, clock }))
  if (authority !== undefined) return authority
  throw new CliError(
    `Cannot find a certificate authority in "${directory}": it is made when the system first starts with --listen; see --data`,
  )
}

const showCommand: Command<Shell> = defineCommand({
  brief: 'Show the certificate authority of a data directory',
  help: `
        Shows of which system it is, whether it is the first one or of another host, for which services it may sign, when it ends, its
        fingerprint, and the roots that its processes trust, each until when: two, after "dure ca rotate".`,
  examples: ['dure ca', 'dure ca show --json'],
  flags: common,
  async func(this: Shell, flags: Common): Promise<void> {
    const { system, folder, isRoot, services, issuer, roots } = found(this, flags)
    const trusted = certificatesOf(roots).map(({ fingerprint256, validTo }) => ({
      fingerprint: fingerprint256,
      until: isoOf(validTo),
    }))
    const shown = {
      system,
      folder,
      isRoot,
      services,
      until: isoOf(issuer.validTo),
      fingerprint: issuer.fingerprint256,
      trusted,
    }
    printResult(this, flags, shown, () =>
      [
        `System       ${system}`,
        `Folder       ${folder}`,
        `Signs for    ${services.length === 0 ? 'all services' : services.join(', ')}${isRoot ? ', and for other hosts' : ''}`,
        `Until        ${shown.until}`,
        `Fingerprint  ${shown.fingerprint}`,
        ...trusted.map(({ fingerprint, until }) => `Trusted      ${fingerprint} until ${until}`),
      ].join('\n'),
    )
  },
})

const rotateCommand: Command<Shell> = defineCommand({
  brief: 'Replace the root of the certificate authority',
  help: `
        Makes a new root, which signs from now on, while processes run: within a minute each has a certificate of it. The root before is
        trusted for --days more, and then by nobody: until then each other host asks for an authority again (dure ca request, sign and
        join), and a process that was started before then goes on. For a key that was stolen this is too slow: stop the system, remove
        the folder on each host, and start again.`,
  examples: ['dure ca rotate', 'dure ca rotate --days 30'],
  flags: { ...common, days: parsedFlag(wholeNumber(1, 3_650), 'N', 'How long the root before is trusted (default 7)') },
  async func(this: Shell, { days = 7, ...flags }: Common & { readonly days?: number }): Promise<void> {
    const authority = found(this, flags)
    const { issuer, roots } = told(() => rotateRoot(authority, { clock, keep: days * DAY }))
    const before = certificatesOf(roots).find(({ fingerprint256 }) => fingerprint256 !== issuer.fingerprint256)!
    const shown = {
      fingerprint: issuer.fingerprint256,
      until: isoOf(issuer.validTo),
      before: { fingerprint: before.fingerprint256, until: isoOf(before.validTo) },
    }
    printResult(this, flags, shown, () =>
      [
        `A new root signs for "${authority.system}": ${shown.fingerprint}`,
        `The one before is trusted until ${shown.before.until}; other hosts ask for theirs again before that (dure ca request)`,
      ].join('\n'),
    )
  },
})

const requestCommand: Command<Shell> = defineCommand({
  brief: 'Ask for an authority for this host',
  help: `
        Makes a key, which stays in the data directory, and prints a request. Where the first authority is, "dure ca sign" answers it, and
        "dure ca join" takes the answer here. From then on this host makes certificates for its processes by itself. The same again when
        its authority is to end, or the root was replaced: processes that run go on.`,
  examples: ['dure ca request > host-b.csr'],
  flags: { data: dataFlag, name: textFlag('NAME', 'What the host is called in certificates (default: its host name)') },
  async func(this: Shell, flags: Where & { readonly name?: string }): Promise<void> {
    const directory = directoryOf(this, flags)
    prepareDirectory(directory)
    const authority = told(() => findAuthority({ directory, clock }))
    if (authority?.isRoot === true)
      throw new CliError(
        `Cannot ask for an authority: there is one in "${authority.folder}", of the system "${authority.system}"; remove the folder first if another is to follow it`,
      )
    const keys = newKeys()
    const file = join(directory, PENDING)
    rmSync(file, { force: true })
    writeFileSync(file, keyText(keys.privateKey), { mode: 0o600, flag: 'wx' })
    print(this, requestOf(flags.name ?? hostname(), keys))
  },
})

type Signing = Where & { readonly service?: readonly string[]; readonly days?: number }

const signCommand: Command<Shell> = defineCommand({
  brief: 'Sign the request of another host',
  help: `
        Prints what "dure ca join" takes there. With --service that host speaks for these services alone, whatever it says; without, for
        each. The file is no secret. Nothing takes a signature back: it ends after --days.`,
  examples: [
    'dure ca sign host-b.csr --service stock --service mail > host-b.pem',
    'dure ca sign host-b.csr --days 30 > host-b.pem',
  ],
  flags: {
    data: dataFlag,
    service: {
      kind: 'parsed',
      parse: String,
      optional: true,
      variadic: true,
      placeholder: 'NAME',
      brief: 'A service that may run there; broker as dure-broker, doors as doors (default: all)',
    },
    days: parsedFlag(wholeNumber(1, 3_650), 'N', 'How long it is good for (default 365)'),
  },
  positional: {
    kind: 'tuple',
    parameters: [{ parse: String, optional: true, placeholder: 'FILE', brief: 'The request (default: standard input)' }],
  },
  async func(this: Shell, { service = [], days = 365, ...flags }: Signing, file?: string): Promise<void> {
    const request = await textOf(this, file)
    const authority = found(this, flags)
    print(
      this,
      told(() => signRequest(authority, { clock, request, services: service, life: days * DAY })),
    )
  },
})

const joinCommand: Command<Shell> = defineCommand({
  brief: 'Take the answer to a request of this host',
  help: `
        Puts what "dure ca sign" printed and the key of the request together: the authority of this host.`,
  examples: ['dure ca join host-b.pem'],
  flags: { data: dataFlag },
  positional: {
    kind: 'tuple',
    parameters: [{ parse: String, optional: true, placeholder: 'FILE', brief: 'The answer (default: standard input)' }],
  },
  async func(this: Shell, flags: Where, file?: string): Promise<void> {
    const directory = directoryOf(this, flags)
    const pending = join(directory, PENDING)
    if (!existsSync(pending))
      throw new CliError(`Cannot take the answer: nothing was asked for from "${directory}"; begin with "dure ca request"`)
    const signed = await textOf(this, file)
    const { system, services } = told(() => joinAuthority({ directory, clock }, { signed, key: readFileSync(pending, 'utf8') }))
    rmSync(pending)
    say(this, `This host signs for ${services.length === 0 ? 'all services' : services.join(', ')} of "${system}"`)
  },
})

export const caCommands: RouteMap<Shell> = defineRoutes({
  routes: { show: showCommand, rotate: rotateCommand, request: requestCommand, sign: signCommand, join: joinCommand },
  defaultCommand: 'show',
  brief: 'Look at the certificate authority of a system, replace its root, and let another host have one',
  help: `
        Processes that call each other over TCP (dure start --listen) show each other certificates of an authority in the data directory, which
        is made at the first start. Another host needs one of its own, signed by the first: request there, sign here, join there.`,
  examples: [
    'dure ca',
    'dure ca rotate',
    'dure ca request > host-b.csr',
    'dure ca sign host-b.csr > host-b.pem',
    'dure ca join host-b.pem',
  ],
})

async function textOf(shell: Shell, file: string | undefined): Promise<string> {
  if (file === undefined) return readInput(shell)
  try {
    return readFileSync(resolve(shell.cwd, file), 'utf8')
  } catch (cause) {
    throw new CliError(`Cannot read "${file}": ${(cause as Error).message}`, { cause })
  }
}

const isoOf = (time: string): string => new Date(time).toISOString()

/** What is wrong with an authority or a request is all a user needs. */
function told<T>(work: () => T): T {
  try {
    return work()
  } catch (cause) {
    const { name, message } = cause as Error
    if (name !== 'AuthorityError' && name !== 'TypeError') throw cause
    throw new CliError(message, { cause })
  }
}
