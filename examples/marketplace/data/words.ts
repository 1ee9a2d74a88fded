/** Words that generated sellers, products and customers are made of. */
export const FIRST_NAMES: readonly string[] =
  'Ada Ben Cho Dana Eun Finn Gita Hana Ian Jun Kai Lena Mina Noa Omar Pia Ravi Sora Tara Uma Vera Wen Yuna Zoe'.split(' ')
export const LAST_NAMES: readonly string[] =
  'Alder Baek Cruz Dahl Eklund Falk Grau Han Ito Jung Kim Lind Moreau Nam Okoro Park Quist Rossi Seo Tran Usman Vega Wolf Yoon'.split(
    ' ',
  )
export const STREETS: readonly string[] =
  'Acorn Birch Canal Dock Elm Ferry Garden Harbour Ivy Juniper Kiln Linden Mill North Orchard Pine'.split(' ')
export const CITIES: readonly (readonly [string, string])[] = [
  ['Busan', 'BU'],
  ['Daegu', 'DG'],
  ['Gwangju', 'GJ'],
  ['Incheon', 'IC'],
  ['Jeju', 'JJ'],
  ['Porto Novo', 'PN'],
  ['Seoul', 'SE'],
  ['Suwon', 'SW'],
]
export const ADJECTIVES: readonly string[] =
  'amber brisk calm deft even fine grand handy ideal jolly keen light mild neat oaken plain quiet round sturdy tidy'.split(' ')
export const THINGS: readonly string[] =
  'basket blanket bottle bowl brush candle chair clock cup desk jar kettle lamp mirror mug pan pillow plate rug shelf spoon stool table towel tray vase'.split(
    ' ',
  )
export const CATEGORIES: readonly string[] = 'bath bedroom decoration furniture garden kitchen lighting office'.split(' ')
export const TRADES: readonly string[] = 'Goods House Makers Supply Trading Works'.split(' ')
export const BRANDS = ['MASTER_CARD', 'VISA', 'AMERICAN_EXPRESS'] as const
export const LETTERS = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789'
