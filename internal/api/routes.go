package api

import (
	"github.com/danielgtaylor/huma/v2"
)

// routes lists every route of version 1.
func (s *server) routes(doc huma.API) {
	get(s, doc, "/atlas", "atlas", "The atlas itself", "The snapshot in service: its id, date, territory and figures.", s.atlas)
	get(s, doc, "/search", "search", "Suggestions", "Taxa and areas whose name matches what is typed, best first. Accents and case do not matter; French, English and scientific names, synonyms included.", s.search)
	get(s, doc, "/taxa", "taxa", "List of taxa", "The species of the atlas, or those below a higher taxon.", s.taxa)
	get(s, doc, "/taxa/{cd_ref}", "taxon", "One taxon", "Names, classification, statuses and figures. A synonym's CD_NOM answers its valid taxon.", s.taxon)
	get(s, doc, "/taxa/{cd_ref}/cells", "taxon-cells", "Map of a taxon", "Mesh cells and less precise areas of a taxon as a GeoJSON feature collection (WGS84). Areas with reasons are larger than the true place on purpose.", s.cells)
	get(s, doc, "/taxa/{cd_ref}/areas", "taxon-areas", "Areas of a taxon", "The areas of one kind where a taxon is published, most observations first.", s.taxonAreas)
	get(s, doc, "/taxa/{cd_ref}/phenology", "taxon-phenology", "When a taxon is seen", "Observations by month and by ten-day period.", s.phenology)
	get(s, doc, "/taxa/{cd_ref}/altitudes", "taxon-altitudes", "At what altitude a taxon is seen", "Observations by altitude class, those shown precisely only.", s.altitudes)
	get(s, doc, "/areas/{kind}/{code}", "area", "One area", "Figures of a commune, department, region or mesh cell.", s.area)
	get(s, doc, "/areas/{kind}/{code}/taxa", "area-taxa", "Taxa of an area", "The species published in an area, with their figures there.", s.areaTaxa)
}
