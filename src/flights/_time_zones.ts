/**
 * Hours that an airport's clock was ahead of Chicago's in June 2001, for the airports with flights
 * to or from O'Hare. Without daylight saving time, most of Indiana then had Chicago's time, and
 * Arizona that of the Pacific coast.
 */
const AIRPORTS_BY_HOURS: Readonly<Record<string, string>> = {
  "1": `ABE ALB ATL AZO BDL BOS BTV BUF BWI CHA CLE CLT CMH CVG DAY DCA DTW EWR FLL GRR GSO GSP HPN
    IAD JAX JFK LGA MBS MCO MDT MHT MIA MQT ORF PBI PHL PIT PVD PWM RDU RIC ROC RSW SJU SWF SYR TOL
    TPA TVC TYS`,
  "0": `AUS BMI BNA BTR CID CMI DAL DBQ DFW DLH DSM EVV FWA GRB HSV IAH ICT IND LNK LSE MCI MEM MKE
    MSN MSP MSY OKC OMA ORD PIA RST SAT STL TUL XNA`,
  "-1": "ABQ BOI COS DEN ELP SLC",
  "-2": "GEG LAS LAX OAK ONT PDX PHX RNO SAN SEA SFO SJC SMF SNA TUS",
  "-3": "ANC",
  "-5": "HNL",
};

const HOURS_BY_AIRPORT: ReadonlyMap<string, number> = new Map(
  Object.entries(AIRPORTS_BY_HOURS).flatMap(([hours, airports]) =>
    airports.split(/\s+/).map((airport): [string, number] => [airport, Number(hours)]),
  ),
);

/** Hours ahead of Chicago, negative to the west; undefined for an unknown airport. */
export function hoursAheadOfChicago(airport: string): number | undefined {
  return HOURS_BY_AIRPORT.get(airport);
}
