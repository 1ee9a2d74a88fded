import { describedTrouble } from '../target/target.ts'

/** What a unit of systemd runs, and as what. */
export type SystemdWorkload = {
  /** Of letters, digits, `-` and `_`: of the service, and of its folders below `/var/lib` and `/var/cache`. */
  readonly name: string
  /** The program, by its whole path, and its words. One that says when it is ready (`dure start` does). */
  readonly command: readonly [program: string, ...words: readonly string[]]
  /** Where its files are, outside of `/home` and `/root`. */
  readonly folder: string
  /** Variables of its environment, which everybody on the machine may read; `DURE_DATA` is said already, and where Node keeps what it has compiled. */
  readonly environment?: Readonly<Record<string, string>>
  /** A folder that only root reads, a file for each variable of its environment: what nobody else may read. */
  readonly credentials?: string
  /** What systemd listens on for its doors, by their names: `127.0.0.1:8080`, `[::]:80`, `/run/shop.sock`. */
  readonly sockets?: Readonly<Record<string, string>>
  /** Megabytes at which it is killed and started again. Default: no limit. */
  readonly memory?: number
  /** Who it is. Default: nobody, a user that is there while it runs. */
  readonly user?: string
  /** Milliseconds it may take to get ready (default 90,000), and to finish what is under way (default 30,000). */
  readonly readiness?: number
  readonly shutdownTimeout?: number
  /** Milliseconds without a sign of life after which it is killed and started again. Default 60,000. */
  readonly watchdog?: number
  /** More lines of `[Unit]`, such as `After=postgresql.service`. */
  readonly unit?: readonly string[]
}

/** What no service of Dure needs. `MemoryDenyWriteExecute` is not among it: V8 writes the code that it runs. */
const HARDENED = `NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=yes
ProtectProc=invisible
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
PrivateDevices=yes
PrivateTmp=yes
PrivateUsers=yes
RemoveIPC=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
UMask=0077`

/**
 * Units of systemd 250 or later, by the names of their files: a service that says when it is ready and may do next to nothing, and a socket
 * for each of its doors. systemd holds those, so whoever connects while the service is started again waits.
 * @throws {DeployError} `TARGET` for what cannot stand in a unit, and for files in somebody's home, which the service could not see
 *
 * @example
 * ```ts
 * import { systemdUnits } from '@dure/deploy'
 *
 * const units = systemdUnits({
 *   name: 'shop',
 *   command: ['/usr/bin/node', '/srv/shop/node_modules/@dure/cli/bin/dure.js', 'start'],
 *   folder: '/srv/shop',
 *   sockets: { rest: '127.0.0.1:8080' },
 * })
 * console.log(Object.keys(units)) // → [ 'shop.service', 'shop-rest.socket' ]
 * ```
 */
export function systemdUnits(workload: SystemdWorkload): Readonly<Record<string, string>> {
  const { name, sockets = {} } = workload
  const problems = problemsOf(workload)
  if (problems.length > 0) throw describedTrouble(`write the units of "${name}"`, problems)
  const held = Object.entries(sockets).map(([door, address]) => ({ file: `${name}-${door}.socket`, door, address }))
  const files = held.map(({ file, door, address }) => [
    file,
    `[Unit]
Description=${name}: where its door ${door} listens

[Socket]
ListenStream=${plain(address)}
FileDescriptorName=${door}
Service=${name}.service

[Install]
WantedBy=sockets.target
`,
  ])
  const service = serviceOf(
    workload,
    held.map(({ file }) => file),
  )
  return { [`${name}.service`]: service, ...(Object.fromEntries(files) as Record<string, string>) }
}

function serviceOf(workload: SystemdWorkload, sockets: readonly string[]): string {
  const { name, command, folder, environment = {}, credentials, memory, user, unit = [] } = workload
  const { readiness = 90_000, shutdownTimeout = 30_000, watchdog = 60_000 } = workload
  const lines = (...all: readonly (string | false)[]): string => all.filter((line) => line !== false).join('\n')
  return `[Unit]
${lines(`Description=${name}`, 'Wants=network-online.target', 'After=network-online.target', ...unit)}
# It is started again for as long as it takes.
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=all
${lines(
  `WorkingDirectory=${plain(folder)}`,
  `ExecStart=${command.map((word) => quoted(word.replaceAll('$', '$$$$'))).join(' ')}`,
  ...Object.entries({ DURE_DATA: `/var/lib/${name}`, NODE_COMPILE_CACHE: `/var/cache/${name}`, ...environment }).map(
    ([key, value]) => `Environment=${quoted(`${key}=${value}`)}`,
  ),
  credentials !== undefined && `LoadCredential=env:${plain(credentials)}`,
  sockets.length > 0 && `Sockets=${sockets.join(' ')}`,
  user === undefined ? 'DynamicUser=yes' : `User=${user}`,
  `StateDirectory=${name}`,
  `CacheDirectory=${name}`,
  'StateDirectoryMode=0700',
  memory !== undefined && `MemoryMax=${memory}M`,
  `TimeoutStartSec=${seconds(readiness)}`,
  `TimeoutStopSec=${seconds(shutdownTimeout)}`,
  `WatchdogSec=${seconds(watchdog)}`,
)}
Restart=on-failure
RestartSec=1
# The first process is asked, and ends those that it has started.
KillMode=mixed
${HARDENED}

[Install]
WantedBy=multi-user.target
`
}

function problemsOf({ name, command, folder, environment = {}, sockets = {} }: SystemdWorkload): readonly string[] {
  const problems: string[] = []
  if (!/^\w[-\w]{0,99}$/.test(name)) problems.push('a unit is called by letters, digits, "-" and "_"')
  for (const path of [command[0], folder])
    if (!path.startsWith('/')) problems.push(`"${path}" is no whole path`)
    else if (/^\/(?:home|root|run\/user)(?:\/|$)/.test(path))
      problems.push(`"${path}" is in a home, which the service cannot see; put it below /srv or /opt`)
  for (const key of Object.keys(environment)) if (!/^[A-Za-z_]\w*$/.test(key)) problems.push(`"${key}" is no name of a variable`)
  for (const door of Object.keys(sockets)) if (!/^\w[-\w]*$/.test(door)) problems.push(`"${door}" is no name of a socket`)
  for (const text of [...command, folder, ...Object.values(environment), ...Object.values(sockets)])
    if (/[\0\n\r]/.test(text)) problems.push(`${JSON.stringify(text)} has a line break or a zero byte`)
  return problems
}

const seconds = (milliseconds: number): string => `${Math.ceil(milliseconds) / 1_000}`
/** Its own signs, and none of systemd's. */
const plain = (text: string): string => text.replaceAll('%', '%%')
/** One word, whatever is in it. */
const quoted = (text: string): string => `"${plain(text).replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
