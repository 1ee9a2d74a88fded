/** What pages say, in the languages they speak. */
import type { Language } from 'dure/door/internal'

export type Words = {
  readonly portal: string
  readonly skip: string
  readonly search: string
  readonly searchHint: string
  readonly find: string
  readonly languages: string
  readonly products: string
  readonly noProducts: string
  readonly results: (query: string) => string
  readonly none: string
  readonly first: (count: number) => string
  readonly tooLong: (most: number) => string
  readonly kinds: Readonly<Record<string, string>>
  readonly owner: string
  readonly lines: string
  readonly line: string
  readonly version: string
  readonly published: string
  readonly deprecated: string
  readonly sunset: string
  readonly current: string
  readonly shown: string
  readonly plans: string
  readonly plan: string
  readonly noPlans: string
  readonly limits: string
  readonly rate: (calls: number, ms: number, burst: number) => string
  readonly quota: (calls: number, per: 'day' | 'month', zone: string) => string
  readonly body: (bytes: number) => string
  readonly only: (operations: string) => string
  readonly approval: string
  readonly approvals: Readonly<Record<'at once' | 'by hand', string>>
  readonly operations: string
  readonly events: string
  readonly name: string
  readonly kind: string
  readonly description: string
  readonly http: string
  readonly input: string
  readonly sent: string
  readonly output: string
  readonly errors: string
  readonly code: string
  readonly status: string
  readonly data: string
  readonly field: string
  readonly type: string
  readonly needed: string
  readonly yes: string
  readonly no: string
  readonly nothing: string
  readonly example: string
  readonly call: string
  readonly callHint: string
  readonly notOverHttp: string
  readonly list: (type: string) => string
  readonly orNull: (type: string) => string
  readonly mapOf: (key: string, value: string) => string
  readonly json: string
  readonly values: string
  readonly key: string
  readonly topic: string
  readonly eventHint: string
  readonly scope: string
  readonly roles: string
  readonly idempotent: string
  readonly notFound: string
  readonly notFoundText: string
  readonly away: string
  readonly awayText: string
  readonly wrong: string
}

const en: Words = {
  portal: 'Developer portal',
  skip: 'To the content',
  search: 'Search APIs',
  searchHint: 'Names, descriptions, fields',
  find: 'Search',
  languages: 'Language',
  products: 'APIs',
  noProducts: 'No API has been published yet.',
  results: (query) => `Results for “${query}”`,
  none: 'Nothing was found. Try fewer or other words.',
  first: (count) => `The first ${count} are shown; more words find fewer.`,
  tooLong: (most) => `A search has at most ${most} characters.`,
  kinds: {
    product: 'API',
    operation: 'Operation',
    event: 'Event',
    query: 'query',
    command: 'command',
    stream: 'stream',
    channel: 'channel',
  },
  owner: 'Owner',
  lines: 'Versions',
  line: 'Line',
  version: 'Version',
  published: 'Published',
  deprecated: 'Deprecated since',
  sunset: 'Ends',
  current: 'current',
  shown: 'shown here',
  plans: 'Plans',
  plan: 'Plan',
  noPlans: 'There is no plan yet: nobody can subscribe.',
  limits: 'Limits',
  rate: (calls, ms, burst) => `${calls} calls in ${ms} ms, ${burst} at once`,
  quota: (calls, per, zone) => `${calls} calls a ${per} (${zone})`,
  body: (bytes) => `bodies up to ${bytes} bytes`,
  only: (operations) => `only ${operations}`,
  approval: 'Approval',
  approvals: { 'at once': 'at once', 'by hand': 'by the owner' },
  operations: 'Operations',
  events: 'Events',
  name: 'Name',
  kind: 'Kind',
  description: 'Description',
  http: 'HTTP',
  input: 'Input',
  sent: 'What the caller sends',
  output: 'Output',
  errors: 'Errors',
  code: 'Code',
  status: 'Status',
  data: 'Data',
  field: 'Field',
  type: 'Type',
  needed: 'Required',
  yes: 'yes',
  no: 'no',
  nothing: 'Nothing.',
  example: 'Example',
  call: 'Call it',
  callHint: 'URL is the address of the gateway, KEY a key of your subscription.',
  notOverHttp: 'This operation is not offered over HTTP.',
  list: (type) => `list of ${type}`,
  orNull: (type) => `${type} or null`,
  mapOf: (key, value) => `map from ${key} to ${value}`,
  json: 'any JSON',
  values: 'One of',
  key: 'Key',
  topic: 'Topic',
  eventHint: 'Subscribers of this API receive it as a signed webhook, in the order of its key.',
  scope: 'Scope',
  roles: 'Roles',
  idempotent: 'May be repeated safely.',
  notFound: 'This page does not exist',
  notFoundText: 'The API, or this version of it, is not published here.',
  away: 'The portal cannot answer now',
  awayText: 'API management does not answer. Try again in a moment.',
  wrong: 'This request cannot be answered',
}

const ko: Words = {
  portal: '개발자 포털',
  skip: '본문으로',
  search: 'API 검색',
  searchHint: '이름, 설명, 필드',
  find: '검색',
  languages: '언어',
  products: 'API',
  noProducts: '아직 공개된 API가 없습니다.',
  results: (query) => `“${query}” 검색 결과`,
  none: '찾은 것이 없습니다. 단어를 줄이거나 바꿔 보세요.',
  first: (count) => `처음 ${count}개만 보입니다. 단어를 더하면 줄어듭니다.`,
  tooLong: (most) => `검색어는 ${most}자까지 쓸 수 있습니다.`,
  kinds: {
    product: 'API',
    operation: '오퍼레이션',
    event: '이벤트',
    query: '쿼리',
    command: '커맨드',
    stream: '스트림',
    channel: '채널',
  },
  owner: '담당 팀',
  lines: '버전',
  line: '라인',
  version: '버전',
  published: '공개일',
  deprecated: '지원 중단 예고일',
  sunset: '종료일',
  current: '최신',
  shown: '현재 보는 버전',
  plans: '요금제',
  plan: '요금제',
  noPlans: '아직 요금제가 없어 구독할 수 없습니다.',
  limits: '한도',
  rate: (calls, ms, burst) => `${ms}ms에 ${calls}회, 한꺼번에 ${burst}회`,
  quota: (calls, per, zone) => `${per === 'day' ? '하루' : '한 달'} ${calls}회 (${zone})`,
  body: (bytes) => `본문 ${bytes}바이트까지`,
  only: (operations) => `${operations}만`,
  approval: '승인',
  approvals: { 'at once': '즉시', 'by hand': '담당 팀이 승인' },
  operations: '오퍼레이션',
  events: '이벤트',
  name: '이름',
  kind: '종류',
  description: '설명',
  http: 'HTTP',
  input: '입력',
  sent: '호출자가 보내는 값',
  output: '출력',
  errors: '오류',
  code: '코드',
  status: '상태',
  data: '데이터',
  field: '필드',
  type: '타입',
  needed: '필수',
  yes: '예',
  no: '아니요',
  nothing: '없음.',
  example: '예시',
  call: '호출하기',
  callHint: 'URL은 게이트웨이 주소, KEY는 구독에서 발급받은 키입니다.',
  notOverHttp: '이 오퍼레이션은 HTTP로 제공되지 않습니다.',
  list: (type) => `${type} 목록`,
  orNull: (type) => `${type} 또는 null`,
  mapOf: (key, value) => `${key}에서 ${value}로의 맵`,
  json: '임의의 JSON',
  values: '다음 중 하나',
  key: '키',
  topic: '토픽',
  eventHint: '이 API의 구독자는 이 이벤트를 서명된 웹훅으로, 키마다 순서대로 받습니다.',
  scope: '스코프',
  roles: '역할',
  idempotent: '반복해서 호출해도 안전합니다.',
  notFound: '없는 페이지입니다',
  notFoundText: '이 API 또는 이 버전은 여기에 공개되어 있지 않습니다.',
  away: '지금은 포털이 답할 수 없습니다',
  awayText: 'API 관리 서비스가 답하지 않습니다. 잠시 뒤에 다시 시도하세요.',
  wrong: '이 요청에는 답할 수 없습니다',
}

export const WORDS: Readonly<Record<Language, Words>> = { en, ko }
