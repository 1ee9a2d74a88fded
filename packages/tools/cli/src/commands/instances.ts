import type { Command } from '@stricli/core'
import { realRuntime } from 'dure/runtime'
import type { Address, Instance } from 'dure/discovery'
import { askInstances, type InstanceListing } from '../control/control.ts'
import { agoText, timeText, visible } from '../format.ts'
import { layoutOf, paint, type Layout, type Shell } from '../shell.ts'
import { hang, table } from '@dure/simulation/text/internal'
import { defineCommand, common, directoryOf, printResult, type Common } from './parameters.ts'

export const instancesCommand: Command<Shell> = defineCommand({
  brief: 'Show who runs where: the instances in the registry',
  help: `
        Shows every instance of every service that the registry of a running system knows, "orders#2" the second copy: its status (only one that is up is
        called), version, zone and age, and below it where it listens and what else it says of itself. A view that is not
        fresh is said to be stale, and since when.`,
  examples: ['dure instances', 'dure instances --data /var/lib/shop --json'],
  flags: common,
  async func(this: Shell, flags: Common): Promise<void> {
    const directory = directoryOf(this, flags)
    const listing = await askInstances(directory)
    printResult(this, flags, listing, () => instancesText(listing, layoutOf(this), { directory, now: realRuntime().clock.now() }))
  },
})

const STYLES = { starting: 'yellow', up: 'green', draining: 'yellow', down: 'red' } as const

export function instancesText(
  { instances, freshness }: InstanceListing,
  layout: Layout,
  { directory, now }: { readonly directory: string; readonly now: number },
): string {
  const stale = freshness.fresh
    ? []
    : [
        hang(
          '',
          `Stale: the registry was last read ${agoText(freshness.since, now)}, at ${timeText(freshness.since)}`,
          layout.columns,
        )
          .split('\n')
          .map((line) => paint(layout, 'yellow', line))
          .join('\n'),
        '',
      ]
  if (instances.length === 0) return [...stale, 'No instances: a system in one process registers none'].join('\n')
  const rows = instances.map(({ service, status, version, metadata: { copy = service, zone = '-', since = '' } }) => [
    visible(copy),
    paint(layout, STYLES[status], status),
    visible(version),
    visible(zone),
    Number.isNaN(Date.parse(since)) ? '-' : agoText(Date.parse(since), now),
  ])
  const [head = '', ...lines] = table([['INSTANCE', 'STATUS', 'VERSION', 'ZONE', 'SINCE'], ...rows], {
    columns: layout.columns,
    shorten: [0],
  })
  return [
    ...stale,
    paint(layout, 'dim', head),
    ...lines.flatMap((line, at) => [
      line,
      ...detailsOf(instances[at]!, directory).map((text) => hang('  ', text, layout.columns)),
    ]),
  ].join('\n')
}

/** Where it listens, by protocol; and what it says of itself that has no column. */
function detailsOf(
  { endpoints, metadata: { copy: _, zone: __, since: ___, ...rest } }: Instance,
  directory: string,
): readonly string[] {
  return [
    ...Object.entries(endpoints).map(([protocol, address]) => `${visible(protocol)} ${visible(addressText(address, directory))}`),
    ...Object.entries(rest).map(([name, value]) => `${visible(name)} ${visible(value)}`),
  ]
}

/** A socket in the data directory by its path from there. */
function addressText(address: Address, directory: string): string {
  if (address.kind !== 'unix') return `${address.host}:${address.port}`
  return address.path.startsWith(`${directory}/`) ? address.path.slice(directory.length + 1) : address.path
}
