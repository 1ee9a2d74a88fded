/** The ways to communicate that there are here, as values: what each can do, what it costs, and what speaks against it. */
import type { Complexity, Independence, Need, Text } from './needs.ts'

export type StyleName =
  | 'local'
  | 'remote'
  | 'rest'
  | 'grpc'
  | 'graphql'
  | 'websocket'
  | 'tcp'
  | 'events'
  | 'thrift'
  | 'mail'
  | 'soap'
  | 'udp'

export type Style = {
  readonly name: StyleName
  readonly title: Text
  /** Milliseconds that it adds to what the handler takes, for 99 of 100, on one machine: the order of magnitude. */
  readonly responseTime: number
  /** Calls a second with both sides on one core: the order of magnitude. */
  readonly throughput: number
  readonly complexity: Complexity
  readonly independence: Independence
  readonly serves: readonly Need[]
  readonly why: Text
  readonly costs: Text
  readonly against: Text
  /** Which guide shows it, in `docs/guides`. */
  readonly guide: string
}

/**
 * The simplest first. The numbers are orders of magnitude of a small call on one machine (`dure choose --measure` has those of yours);
 * a network and the handler's own work come on top.
 */
export const STYLES: readonly Style[] = [
  {
    name: 'local',
    title: { en: 'a call in the same process', ko: '같은 프로세스 안의 호출' },
    ...{ responseTime: 0.1, throughput: 100_000, complexity: 'low', independence: 'none' },
    serves: ['answer', 'live', 'both'],
    why: {
      en: 'nothing goes over a wire, and nothing can be half there; it can be split later without a change of the code',
      ko: '네트워크를 지나지 않아 반만 되는 일이 없습니다. 나중에 코드를 바꾸지 않고 나눌 수 있습니다',
    },
    costs: {
      en: 'one process is released, restarted and scaled as a whole',
      ko: '프로세스 하나를 통째로 배포하고 다시 시작하고 늘립니다',
    },
    against: {
      en: 'a fault of one service (memory, a blocked loop) is felt by all in the process',
      ko: '한 서비스의 결함(메모리, 막힌 이벤트 루프)을 프로세스 안 모두가 겪습니다',
    },
    guide: 'monolith-first',
  },
  {
    name: 'remote',
    title: { en: 'the binary call between processes of one system', ko: '한 시스템의 프로세스 사이의 이진 원격 호출' },
    ...{ responseTime: 1, throughput: 20_000, complexity: 'low', independence: 'release' },
    serves: ['answer', 'live', 'both'],
    why: {
      en: 'the same code as a local call; instances are found, balanced and retried by the platform',
      ko: '로컬 호출과 코드가 같습니다. 인스턴스를 찾고 나누고 다시 시도하는 일은 플랫폼이 합니다',
    },
    costs: {
      en: 'processes to run and to watch, and a registry over several machines',
      ko: '돌리고 지켜볼 프로세스, 머신이 여럿이면 레지스트리',
    },
    against: {
      en: 'only services of this system speak it; a call may fail though the callee is well',
      ko: '이 시스템의 서비스만 압니다. 상대가 멀쩡해도 호출은 실패할 수 있습니다',
    },
    guide: 'monolith-first',
  },
  {
    name: 'rest',
    title: { en: 'REST over HTTP', ko: 'HTTP/REST' },
    ...{ responseTime: 5, throughput: 3_000, complexity: 'low', independence: 'release' },
    serves: ['answer', 'languages', 'browser', 'public', 'live'],
    why: {
      en: 'everybody has a client, every proxy, cache and log understands it, and OpenAPI describes it',
      ko: '누구에게나 클라이언트가 있고, 모든 프록시와 캐시와 로그가 이해하며, OpenAPI로 기술됩니다',
    },
    costs: {
      en: 'text on the wire, a request for each thing, HTTP mappings in the contract',
      ko: '텍스트 전송, 것마다 요청 하나, 계약 안의 HTTP 매핑',
    },
    against: {
      en: 'clients are told more or less than they need; nothing is said by both sides at once',
      ko: '클라이언트는 필요한 것보다 많이 또는 적게 받습니다. 양쪽이 동시에 말하지 못합니다',
    },
    guide: 'rest',
  },
  {
    name: 'grpc',
    title: { en: 'gRPC', ko: 'gRPC' },
    ...{ responseTime: 10, throughput: 2_000, complexity: 'medium', independence: 'release' },
    serves: ['answer', 'languages', 'live', 'both'],
    why: {
      en: 'typed clients in a dozen languages from one .proto, streams both ways, deadlines and cancelling on the wire',
      ko: '.proto 하나로 열두 언어의 타입 있는 클라이언트, 양방향 스트림, 전송되는 기한과 취소',
    },
    costs: {
      en: 'numbers of fields that are kept for ever, a compiler in each client’s build',
      ko: '영원히 지켜야 할 필드 번호, 클라이언트마다 빌드 안의 컴파일러',
    },
    against: {
      en: 'a browser calls it by gRPC-Web alone, with streams one way; a person cannot read it; proxies must speak HTTP/2',
      ko: '브라우저는 gRPC-Web으로만, 스트림은 한 방향으로만 부릅니다. 사람이 읽지 못하고 프록시가 HTTP/2를 알아야 합니다',
    },
    guide: 'grpc',
  },
  {
    name: 'graphql',
    title: { en: 'GraphQL', ko: 'GraphQL' },
    ...{ responseTime: 20, throughput: 1_000, complexity: 'medium', independence: 'release' },
    serves: ['answer', 'languages', 'browser', 'public', 'screens', 'live'],
    why: {
      en: 'a screen asks for its fields in one request, over the borders of services',
      ko: '화면이 자기 필드를 서비스 경계를 넘어 요청 하나로 받습니다',
    },
    costs: {
      en: 'limits of depth and cost to be set, links to be batched, a schema that all teams share',
      ko: '정해야 할 깊이와 비용 한도, 묶어야 할 링크, 모든 팀이 함께 쓰는 스키마',
    },
    against: {
      en: 'what a request costs is decided by its client; caches of HTTP do not help; errors come with status 200',
      ko: '요청의 비용을 클라이언트가 정합니다. HTTP 캐시가 돕지 못하고, 오류가 상태 200으로 옵니다',
    },
    guide: 'graphql',
  },
  {
    name: 'websocket',
    title: { en: 'WebSocket', ko: 'WebSocket' },
    ...{ responseTime: 2, throughput: 10_000, complexity: 'medium', independence: 'release' },
    serves: ['answer', 'languages', 'browser', 'live', 'both'],
    why: {
      en: 'a connection that stays, also from a browser; what was missed comes after it was lost',
      ko: '브라우저에서도 유지되는 연결. 끊긴 뒤 놓친 것이 이어서 옵니다',
    },
    costs: {
      en: 'memory for each connection, and a server that is left slowly',
      ko: '연결마다 드는 메모리, 천천히 비워야 하는 서버',
    },
    against: {
      en: 'a session belongs to one process; balancers see one long connection instead of requests',
      ko: '세션이 한 프로세스에 속합니다. 로드 밸런서는 요청이 아니라 긴 연결 하나를 봅니다',
    },
    guide: 'sockets',
  },
  {
    name: 'tcp',
    title: { en: 'lines of JSON over TCP', ko: 'TCP 위의 JSON 줄' },
    ...{ responseTime: 2, throughput: 10_000, complexity: 'medium', independence: 'release' },
    serves: ['answer', 'languages', 'live', 'both', 'device'],
    why: {
      en: 'a dozen lines of any language, or netcat, speak it',
      ko: '어떤 언어든 열두 줄이면, netcat으로도 말할 수 있습니다',
    },
    costs: { en: 'a client of your own for each language', ko: '언어마다 우리가 쓰는 클라이언트' },
    against: {
      en: 'no tools of others: no proxy, generator or page knows it',
      ko: '남의 도구가 없습니다. 프록시도 생성기도 페이지도 모릅니다',
    },
    guide: 'sockets',
  },
  {
    name: 'events',
    title: { en: 'events and queues', ko: '이벤트와 큐' },
    ...{ responseTime: 50, throughput: 1_000, complexity: 'medium', independence: 'time' },
    serves: ['languages', 'tell', 'work'],
    why: {
      en: 'whoever sends neither waits nor knows who reads; what was sent is kept while a reader is down',
      ko: '보내는 쪽은 기다리지 않고 누가 읽는지도 모릅니다. 읽는 쪽이 멈춘 동안 보관됩니다',
    },
    costs: {
      en: 'a broker over several machines, dead letters, flows that must be looked at as a whole',
      ko: '머신이 여럿이면 브로커, 데드 레터, 전체로 보아야 하는 흐름',
    },
    against: {
      en: 'data agree later, not at once; nobody is told at the call that it went wrong',
      ko: '데이터가 바로가 아니라 나중에 맞습니다. 잘못된 것을 호출한 자리에서 알 수 없습니다',
    },
    guide: 'messaging',
  },
  {
    name: 'thrift',
    title: { en: 'Thrift', ko: 'Thrift' },
    ...{ responseTime: 2, throughput: 10_000, complexity: 'medium', independence: 'release' },
    serves: ['answer', 'languages', 'thrift'],
    why: { en: 'small and fast, in more than twenty languages', ko: '작고 빠르며 스무 언어가 넘습니다' },
    costs: {
      en: 'numbers of fields that are kept for ever, a compiler in each client’s build',
      ko: '영원히 지켜야 할 필드 번호, 클라이언트마다 빌드 안의 컴파일러',
    },
    against: {
      en: 'no streams; a deadline is none of its own words; fewer tools than gRPC',
      ko: '스트림이 없습니다. 기한이 규약에 없습니다. 도구가 gRPC보다 적습니다',
    },
    guide: 'thrift',
  },
  {
    name: 'mail',
    title: { en: 'mail', ko: '메일' },
    ...{ responseTime: 60_000, throughput: 10, complexity: 'medium', independence: 'time' },
    serves: ['people'],
    why: { en: 'everybody has it, and it waits until it is read', ko: '누구나 있고, 읽을 때까지 기다립니다' },
    costs: {
      en: 'a mail server, names that are not taken for spam, bounces',
      ko: '메일 서버, 스팸으로 몰리지 않을 이름, 반송 처리',
    },
    against: {
      en: 'nobody knows when it comes, whether it comes, or whether it comes twice',
      ko: '언제 오는지, 오기는 하는지, 두 번 오는지 아무도 모릅니다',
    },
    guide: 'mail',
  },
  {
    name: 'soap',
    title: { en: 'SOAP', ko: 'SOAP' },
    ...{ responseTime: 20, throughput: 500, complexity: 'high', independence: 'release' },
    serves: ['answer', 'languages', 'public', 'wsdl'],
    why: {
      en: 'programs of banks and authorities are made from its WSDL, with typed faults',
      ko: '은행과 관공서의 프로그램이 그 WSDL에서 만들어지고, 오류에 타입이 있습니다',
    },
    costs: {
      en: 'XML, its schemas and namespaces, and the tools that read them',
      ko: 'XML, 스키마와 네임스페이스, 그것을 읽는 도구',
    },
    against: {
      en: 'the largest messages; null, absent and empty are one thing to many a client',
      ko: '메시지가 가장 큽니다. 많은 클라이언트에게 null과 없음과 빈 것이 같습니다',
    },
    guide: 'soap',
  },
  {
    name: 'udp',
    title: { en: 'datagrams (UDP)', ko: '데이터그램(UDP)' },
    ...{ responseTime: 2, throughput: 10_000, complexity: 'high', independence: 'release' },
    serves: ['languages', 'device', 'newest'],
    why: { en: 'a value never waits for one that was lost before it', ko: '앞에서 잃어버린 값을 뒤의 값이 기다리지 않습니다' },
    costs: { en: 'numbers, loss and doubles in the client’s own hands', ko: '번호와 유실과 중복을 클라이언트가 직접 다룹니다' },
    against: {
      en: 'no encryption here, no large messages, and many networks do not let it through',
      ko: '여기에는 암호화가 없고 큰 메시지도 없으며, 막는 네트워크가 많습니다',
    },
    guide: 'sockets',
  },
]
