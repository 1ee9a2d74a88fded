/** Which instances each process leaves out of its calls, and what its retry budgets have left. */
import type { JSX } from 'preact'
import { Detail, Split } from '../parts/page.tsx'
import { Empty } from '../parts/state.tsx'
import { Table } from '../parts/table.tsx'
import { Facts } from '../parts/value.tsx'
import { number } from '../show.ts'
import { go, query, withQuery } from '../where.ts'
import { t, tell } from '../words/words.ts'

type Instance = {
  readonly id: string
  readonly address: string
  readonly health: 'in' | 'out' | 'probing'
  readonly pending: number
  readonly queued: number
}
/** How one process sees the instances of one service. */
export type Peers = {
  readonly from: string
  readonly service: string
  readonly instances: readonly Instance[]
  readonly waiting: number
  readonly retriesLeft: number
  readonly retries: number
  readonly refused: number
  readonly ejections: number
}

const keyOf = ({ from, service }: Peers): string => `${from} → ${service}`

const count = ({ instances }: Peers, wanted: Instance['health']): number =>
  instances.filter(({ health }) => health === wanted).length

/** Instances that take no calls of a process now, or only one that decides. */
export const leftOut = (peers: readonly Peers[]): number =>
  peers.reduce((sum, one) => sum + one.instances.length - count(one, 'in'), 0)

const toneOf = (health: Instance['health']): string => (health === 'in' ? 'good' : health === 'out' ? 'bad' : 'warn')
const healthTag = (health: Instance['health']): JSX.Element => (
  <span class={`tag ${toneOf(health)}`}>{tell('instance', health)}</span>
)

/** Those that leave somebody out come first, then those whose budget is used up. */
const trouble = (one: Peers): number =>
  count(one, 'out') * 1e9 + count(one, 'probing') * 1e6 + (one.retriesLeft < 1 ? 1e3 : 0) + Math.min(999, one.ejections)

export function PeersTable({ peers, words }: { readonly peers: readonly Peers[]; readonly words: string }): JSX.Element {
  const shown = peers.filter((one) => keyOf(one).toLowerCase().includes(words))
  const open = shown.find((one) => keyOf(one) === query.value.get('peers'))
  if (shown.length === 0)
    return (
      <Empty title={t('peers.none')}>
        <p>{t('peers.noneHint')}</p>
      </Empty>
    )
  return (
    <Split
      list={
        <Table
          label={t('peers.title')}
          rows={shown.toSorted((a, b) => trouble(b) - trouble(a) || (keyOf(a) < keyOf(b) ? -1 : 1))}
          id={keyOf}
          open={open && keyOf(open)}
          onOpen={(one) => go(withQuery({ peers: keyOf(one) }), { replace: true })}
          columns={[
            {
              id: 'from',
              title: t('system.process'),
              by: ({ from }) => from,
              cell: ({ from }) => <span title={from}>{from}</span>,
            },
            { id: 'service', title: t('peers.asks'), by: ({ service }) => service, cell: ({ service }) => <b>{service}</b> },
            { id: 'instances', title: t('peers.title'), by: (one) => leftOut([one]), cell: (one) => <Instances of={one} /> },
            {
              id: 'which',
              title: t('peers.which'),
              wide: true,
              cell: ({ instances }) => {
                const those = instances.filter(({ health }) => health !== 'in').map(({ address }) => address)
                return <span title={those.join('\n')}>{those.join(', ') || '–'}</span>
              },
            },
            {
              id: 'left',
              title: t('peers.budget'),
              number: true,
              by: ({ retriesLeft }) => retriesLeft,
              cell: ({ retriesLeft }) => <span class={retriesLeft < 1 ? 'bad' : ''}>{number(retriesLeft)}</span>,
            },
            {
              id: 'retries',
              title: t('peers.retries'),
              number: true,
              wide: true,
              by: ({ retries }) => retries,
              cell: ({ retries }) => number(retries),
            },
            {
              id: 'refused',
              title: t('resilience.refused'),
              number: true,
              wide: true,
              by: ({ refused }) => refused,
              cell: ({ refused }) => number(refused),
            },
            {
              id: 'ejections',
              title: t('peers.ejections'),
              number: true,
              wide: true,
              by: ({ ejections }) => ejections,
              cell: ({ ejections }) => number(ejections),
            },
          ]}
        />
      }
      detail={open && <One peers={open} />}
    />
  )
}

/** A dot for each, and in words only what some of them are beside taking calls. */
const Instances = ({ of }: { readonly of: Peers }): JSX.Element => (
  <span class="named">
    {of.instances.map(({ id, address, health }) => (
      <i key={id} class={`dot ${toneOf(health)}`} title={`${address}: ${tell('instance', health)}`} aria-hidden="true" />
    ))}
    {t('peers.in', { count: count(of, 'in'), all: of.instances.length })}
    {(['out', 'probing'] as const).map((health) => count(of, health) > 0 && <span key={health}>{healthTag(health)}</span>)}
  </span>
)

const One = ({ peers }: { readonly peers: Peers }): JSX.Element => (
  <Detail title={keyOf(peers)} close={() => go(withQuery({ peers: undefined }), { replace: true })}>
    <section>
      <h3>{t('resilience.budget')}</h3>
      <Facts
        facts={[
          [t('peers.left'), number(peers.retriesLeft)],
          [t('peers.retries'), number(peers.retries)],
          [t('resilience.refused'), number(peers.refused)],
          [t('peers.waiting'), number(peers.waiting)],
          [t('peers.ejections'), number(peers.ejections)],
        ]}
      />
    </section>
    {peers.instances.map(({ id, address, health, pending, queued }) => (
      <section key={id}>
        <h3 class="wrap">
          {address} {healthTag(health)}
        </h3>
        <Facts
          facts={[
            [t('peers.id'), <span class="mono wrap">{id}</span>],
            [t('peers.pending'), number(pending)],
            [t('peers.queued'), number(queued)],
          ]}
        />
      </section>
    ))}
  </Detail>
)
