import { systemdUnits, type SystemdWorkload } from '../systemd/systemd.ts'
import { DATA, NODE } from '../image/image.ts'

/** What of an image's configuration says how it is run: OCI Image Format 1.1. */
export type RunOf = {
  readonly Entrypoint?: readonly string[]
  readonly Cmd?: readonly string[]
  readonly Env?: readonly string[]
  readonly WorkingDir?: string
}

export type GuestOptions = Pick<SystemdWorkload, 'memory' | 'readiness' | 'shutdownTimeout' | 'watchdog'> & {
  /** The door that callers come to, at port 8080 of the machine. Default `rest`. */
  readonly door?: string
}

/** In the guest: where the image is, what its services write to, and a folder with what they are told. */
export const GUEST = {
  image: '/opt/dure',
  data: '/var/lib/private/dure',
  environment: '/etc/dure/environment',
  port: 8080,
  label: 'DUREROOT',
  dataLabel: 'DUREDATA',
} as const

/** No more than what a seed says: the rest of what cloud-init can do takes a minute on a slow machine, and nobody asked for it. */
const CLOUD = `datasource_list: [NoCloud]
disable_root: true
users: []
cloud_init_modules: [write_files, set_hostname]
cloud_config_modules: []
cloud_final_modules: []
system_info: { distro: debian }
`

/** What stands in the guest beside Debian and the image, by path, and what leads to something else. */
export function guestFiles(
  { Entrypoint: entry = [], Cmd: command = [], Env: env = [], WorkingDir: folder = '/' }: RunOf,
  { door = 'rest', ...options }: GuestOptions = {},
): { readonly files: Readonly<Record<string, string>>; readonly links: Readonly<Record<string, string>> } {
  const said = env.map((one) => [one.slice(0, one.indexOf('=')), one.slice(one.indexOf('=') + 1)] as const)
  const [program = NODE, ...words] = [...entry, ...command]
  const units = systemdUnits({
    ...options,
    ...{ name: 'dure', command: [program, ...words], folder, credentials: GUEST.environment },
    sockets: { [door]: `0.0.0.0:${GUEST.port}` },
    environment: { ...Object.fromEntries(said.filter(([, value]) => value !== DATA)), PORT: String(GUEST.port) },
    // The seed has written by then what it is told.
    unit: ['After=cloud-init.service', `RequiresMountsFor=${GUEST.data}`],
  })
  const names = Object.keys(units)
  const wantedBy = (name: string): string => (name.endsWith('.socket') ? 'sockets' : 'multi-user')
  return {
    files: {
      ...Object.fromEntries(names.map((name) => [`etc/systemd/system/${name}`, units[name]!])),
      'etc/systemd/network/10-dhcp.network': '[Match]\nName=en* eth*\n[Network]\nDHCP=yes\n',
      // It is the seed, and nothing else, that says what is to be told: no address on the network is asked.
      'etc/cloud/cloud.cfg': CLOUD,
      'etc/fstab': `LABEL=${GUEST.dataLabel} ${GUEST.data} ext4 nofail,x-systemd.device-timeout=60 0 2\n`,
      'etc/hostname': 'dure\n',
    },
    links: {
      // The words of the image are those of the guest.
      [NODE]: `${GUEST.image}${NODE}`,
      '/app': `${GUEST.image}/app`,
      ...Object.fromEntries(
        names.map((name) => [`etc/systemd/system/${wantedBy(name)}.target.wants/${name}`, `/etc/systemd/system/${name}`]),
      ),
      'etc/systemd/system/multi-user.target.wants/systemd-networkd.service': '/lib/systemd/system/systemd-networkd.service',
    },
  }
}
