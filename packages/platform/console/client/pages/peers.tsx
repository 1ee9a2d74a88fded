/** How each process sees the instances that it calls: who is left out, and what its retry budget has left. */
import type { JSX } from 'preact'
import { Table } from '../parts/table.tsx'
import { number } from '../show.ts'
import { t } from '../words/words.ts'

type Health = 'in' | 'out' | 'probing'
export type Peers = {
  readonly from: string
  readonly service: string
  readonly instances: readonly {
    readonly id: string
    readonly address: string
    readonly health: Health
    readonly pending: number
    readonly queued: number
  }[]
  readonly waiting: number
  readonly retriesLeft: number
  readonly retries: number
  readonly refused: number
  readonly ejections: number
}

const classOf = (health: Health): string => (health === 'out' ? 'bad' : health === 'in' ? 'good' : 'warn')

export const leftOut = ({ instances }: Peers): number => instances.filter(({ health }) => health !== 'in').length

export function PeersTable({ peers }: { readonly peers: readonly Peers[] }): JSX.Element {
  const pending = ({ instances, waiting }: Peers): number =>
    instances.reduce((sum, one) => sum + one.pending + one.queued, 0) + waiting
  const counted = (id: 'retriesLeft' | 'retries' | 'refused' | 'ejections', title: string, warns: boolean) => ({
    ...{ id, title, number: true, by: (row: Peers) => row[id] },
    cell: (row: Peers) => <span class={warns && row[id] > 0 ? 'warn' : ''}>{number(row[id])}</span>,
  })
  return (
    <section>
      <h2>{t('resilience.peers')}</h2>
      <Table
        label={t('resilience.peers')}
        inset
        rows={peers.toSorted((a, b) => leftOut(b) - leftOut(a))}
        id={({ from, service }) => `${from} → ${service}`}
        columns={[
          { id: 'from', title: t('resilience.from'), wide: true, by: ({ from }) => from, cell: ({ from }) => from },
          {
            id: 'service',
            title: t('resilience.service'),
            by: ({ service }) => service,
            cell: ({ service }) => <b>{service}</b>,
          },
          { id: 'instances', title: t('resilience.instances'), by: leftOut, cell: (row) => <Instances of={row} /> },
          {
            id: 'pending',
            title: t('resilience.pending'),
            number: true,
            wide: true,
            by: pending,
            cell: (row) => number(pending(row)),
          },
          counted('retriesLeft', t('resilience.budget'), false),
          counted('retries', t('resilience.retries'), false),
          counted('refused', t('resilience.refused'), true),
          counted('ejections', t('resilience.ejections'), true),
        ]}
      />
    </section>
  )
}

function Instances({ of: { instances } }: { readonly of: Peers }): JSX.Element {
  const byHealth = Map.groupBy(instances, ({ health }) => health)
  return (
    <span class="gap">
      {(['out', 'probing', 'in'] as const).map((health) => {
        const found = byHealth.get(health)
        return (
          found && (
            <span key={health} class={`tag ${classOf(health)}`} title={found.map(({ address }) => address).join(', ')}>
              {found.length} {t(`resilience.${health}`)}
            </span>
          )
        )
      })}
    </span>
  )
}
