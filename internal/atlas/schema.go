package atlas

// formatVersion is written in meta; a reader refuses another one.
const formatVersion = 1

// schema makes an empty GeoPackage 1.3 (OGC 12-128r17). Tables other tools may read have
// plain figures and words; *_sheet tables hold what pages are made from.
const schema = `
PRAGMA application_id = 1196444487; -- 'GPKG'
PRAGMA user_version = 10300;

CREATE TABLE gpkg_spatial_ref_sys (
	srs_name TEXT NOT NULL, srs_id INTEGER PRIMARY KEY, organization TEXT NOT NULL,
	organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT);
CREATE TABLE gpkg_contents (
	table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE,
	description TEXT DEFAULT '', last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
	min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER,
	CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id));
CREATE TABLE gpkg_geometry_columns (
	table_name TEXT NOT NULL, column_name TEXT NOT NULL, geometry_type_name TEXT NOT NULL,
	srs_id INTEGER NOT NULL, z TINYINT NOT NULL, m TINYINT NOT NULL,
	CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name),
	CONSTRAINT uk_gc_table_name UNIQUE (table_name),
	CONSTRAINT fk_gc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name),
	CONSTRAINT fk_gc_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id));
CREATE TABLE gpkg_extensions (
	table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL, definition TEXT NOT NULL, scope TEXT NOT NULL,
	CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name));

CREATE TABLE meta (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, value TEXT NOT NULL);

CREATE TABLE area (
	id INTEGER PRIMARY KEY, geom BLOB NOT NULL, kind TEXT NOT NULL, code TEXT NOT NULL, name TEXT NOT NULL,
	parent_code TEXT NOT NULL, surface_m2 REAL NOT NULL,
	observations INTEGER NOT NULL, species INTEGER NOT NULL, first_year INTEGER NOT NULL, last_year INTEGER NOT NULL,
	area_key INTEGER NOT NULL, parent_key INTEGER NOT NULL, first_taxon INTEGER NOT NULL, last_taxon INTEGER NOT NULL);
CREATE TABLE area_sheet (area_id INTEGER PRIMARY KEY, sheet TEXT NOT NULL, cells BLOB NOT NULL, taxa BLOB NOT NULL);

CREATE TABLE taxon (
	cd_ref INTEGER PRIMARY KEY, parent_cd_ref INTEGER NOT NULL, taxon_rank TEXT NOT NULL,
	scientific_name TEXT NOT NULL, author TEXT NOT NULL, vernacular_name TEXT NOT NULL, vernacular_name_en TEXT NOT NULL,
	public_group TEXT NOT NULL, is_species INTEGER NOT NULL, species INTEGER NOT NULL,
	observations INTEGER NOT NULL, first_year INTEGER NOT NULL, last_year INTEGER NOT NULL,
	red_list TEXT NOT NULL, red_list_type TEXT NOT NULL, protected INTEGER NOT NULL, threatened INTEGER NOT NULL,
	sensitive INTEGER NOT NULL, ten_day_periods TEXT NOT NULL, first_cube INTEGER NOT NULL, last_cube INTEGER NOT NULL);
CREATE TABLE taxon_sheet (
	cd_ref INTEGER PRIMARY KEY, sheet TEXT NOT NULL, cells BLOB NOT NULL, areas BLOB NOT NULL, cube BLOB NOT NULL);
CREATE TABLE taxon_path (id INTEGER PRIMARY KEY, ancestor_cd_ref INTEGER NOT NULL, cd_ref INTEGER NOT NULL, steps INTEGER NOT NULL);
CREATE TABLE taxon_name (
	id INTEGER PRIMARY KEY, cd_ref INTEGER NOT NULL, cd_nom INTEGER, kind TEXT NOT NULL, name TEXT NOT NULL, folded TEXT NOT NULL);
CREATE TABLE name_code (cd_nom INTEGER PRIMARY KEY, cd_ref INTEGER NOT NULL);
CREATE TABLE status (
	id INTEGER PRIMARY KEY, cd_ref INTEGER NOT NULL, type TEXT NOT NULL, type_label TEXT NOT NULL, code TEXT NOT NULL,
	label TEXT NOT NULL, territory TEXT NOT NULL, remark TEXT NOT NULL, citation TEXT NOT NULL, url TEXT NOT NULL);

CREATE TABLE cube (
	id INTEGER PRIMARY KEY, cd_ref INTEGER NOT NULL, area_id INTEGER NOT NULL, year INTEGER NOT NULL,
	observations INTEGER NOT NULL, blurred INTEGER NOT NULL);
CREATE TABLE area_taxon (
	id INTEGER PRIMARY KEY, area_id INTEGER NOT NULL, cd_ref INTEGER NOT NULL, observations INTEGER NOT NULL,
	first_year INTEGER NOT NULL, last_year INTEGER NOT NULL);
CREATE TABLE month (
	cd_ref INTEGER PRIMARY KEY, january INTEGER NOT NULL, february INTEGER NOT NULL, march INTEGER NOT NULL, april INTEGER NOT NULL,
	may INTEGER NOT NULL, june INTEGER NOT NULL, july INTEGER NOT NULL, august INTEGER NOT NULL, september INTEGER NOT NULL,
	october INTEGER NOT NULL, november INTEGER NOT NULL, december INTEGER NOT NULL, unknown INTEGER NOT NULL);
CREATE TABLE altitude (
	id INTEGER PRIMARY KEY, cd_ref INTEGER NOT NULL, from_m INTEGER NOT NULL, to_m INTEGER NOT NULL, observations INTEGER NOT NULL);
CREATE TABLE organisation (
	id INTEGER PRIMARY KEY, name TEXT NOT NULL, observations INTEGER NOT NULL, first_year INTEGER NOT NULL, last_year INTEGER NOT NULL);
CREATE TABLE taxon_organisation (
	id INTEGER PRIMARY KEY, cd_ref INTEGER NOT NULL, organisation_id INTEGER NOT NULL, observations INTEGER NOT NULL);
CREATE TABLE home_sheet (id INTEGER PRIMARY KEY, sheet TEXT NOT NULL);
CREATE TABLE group_sheet (slug TEXT NOT NULL PRIMARY KEY, cells BLOB NOT NULL);
`

// tables describes the tables for whoever opens the file in a GIS; the description is what
// QGIS shows. The first is the layer.
var tables = [...]struct{ name, about string }{
	{"area", "Areas with the figures of what is published in them: communes, departments, region, mesh cells, and the coarser areas blurred observations are shown in"},
	{"meta", "What this snapshot is: identity, date, licence, versions, counts, and how to read it (readme)"},
	{"taxon", "Published taxa with their figures. A taxon is an aggregate: observations of its subspecies and synonyms count for it"},
	{"taxon_path", "For each taxon, the species (and records named above species) below it: join with cube"},
	{"taxon_name", "Names of taxa: valid, synonyms, French, English"},
	{"name_code", "Every TAXREF name code (CD_NOM) of the published taxa, with its valid one"},
	{"status", "Legal and scientific statuses of taxa"},
	{"cube", "Each published observation once: number per taxon (species, or higher rank when only that is known), disclosed area and year. blurred = 1: shown in an area larger than where it was made. Of one taxon: id BETWEEN taxon.first_cube AND taxon.last_cube"},
	{"area_taxon", "Species list of each commune, department and region; of a mesh cell, see cube. Of one area: id BETWEEN area.first_taxon AND area.last_taxon"},
	{"month", "Observations of each taxon per month; unknown: dated to the year or longer"},
	{"altitude", "Observations of each taxon per class of altitude in metres; ordinary observations only"},
	{"organisation", "Organisations the observations come from"},
	{"taxon_organisation", "Observations of each taxon per organisation"},
	{"taxon_sheet", "Made for the portal: taxon sheets and packed figures"},
	{"area_sheet", "Made for the portal: area sheets and packed figures"},
	{"home_sheet", "Made for the portal: the first page"},
	{"group_sheet", "Made for the portal: packed figures of each public group by mesh cell and year"},
}

// Indexes are made once the rows are in. The two long tables have none: their rows follow one
// another by taxon and by area, and taxon.first_cube and area.first_taxon tell where.
const indexes = `
CREATE INDEX status_by_taxon ON status (cd_ref);
CREATE INDEX taxon_name_by_taxon ON taxon_name (cd_ref);
CREATE INDEX taxon_path_by_ancestor ON taxon_path (ancestor_cd_ref);
`

// rtreeTriggers keep the spatial index right when someone edits a copy in a GIS: text of the
// GeoPackage R-tree extension (annex F.3), for table area, column geom, key id.
const rtreeTriggers = `
CREATE TRIGGER rtree_area_geom_insert AFTER INSERT ON area WHEN (NEW.geom NOT NULL AND NOT ST_IsEmpty(NEW.geom)) BEGIN
 INSERT OR REPLACE INTO rtree_area_geom VALUES (NEW.id, ST_MinX(NEW.geom), ST_MaxX(NEW.geom), ST_MinY(NEW.geom), ST_MaxY(NEW.geom)); END;
CREATE TRIGGER rtree_area_geom_update6 AFTER UPDATE OF geom ON area WHEN OLD.id = NEW.id AND
 (NEW.geom NOTNULL AND NOT ST_IsEmpty(NEW.geom)) AND (OLD.geom NOTNULL AND NOT ST_IsEmpty(OLD.geom)) BEGIN
 UPDATE rtree_area_geom SET minx = ST_MinX(NEW.geom), maxx = ST_MaxX(NEW.geom), miny = ST_MinY(NEW.geom), maxy = ST_MaxY(NEW.geom) WHERE id = NEW.id; END;
CREATE TRIGGER rtree_area_geom_update7 AFTER UPDATE OF geom ON area WHEN OLD.id = NEW.id AND
 (NEW.geom NOTNULL AND NOT ST_IsEmpty(NEW.geom)) AND (OLD.geom ISNULL OR ST_IsEmpty(OLD.geom)) BEGIN
 INSERT INTO rtree_area_geom VALUES (NEW.id, ST_MinX(NEW.geom), ST_MaxX(NEW.geom), ST_MinY(NEW.geom), ST_MaxY(NEW.geom)); END;
CREATE TRIGGER rtree_area_geom_update2 AFTER UPDATE OF geom ON area WHEN OLD.id = NEW.id AND (NEW.geom ISNULL OR ST_IsEmpty(NEW.geom)) BEGIN
 DELETE FROM rtree_area_geom WHERE id = OLD.id; END;
CREATE TRIGGER rtree_area_geom_update5 AFTER UPDATE ON area WHEN OLD.id != NEW.id AND (NEW.geom NOTNULL AND NOT ST_IsEmpty(NEW.geom)) BEGIN
 DELETE FROM rtree_area_geom WHERE id = OLD.id;
 INSERT OR REPLACE INTO rtree_area_geom VALUES (NEW.id, ST_MinX(NEW.geom), ST_MaxX(NEW.geom), ST_MinY(NEW.geom), ST_MaxY(NEW.geom)); END;
CREATE TRIGGER rtree_area_geom_update4 AFTER UPDATE ON area WHEN OLD.id != NEW.id AND (NEW.geom ISNULL OR ST_IsEmpty(NEW.geom)) BEGIN
 DELETE FROM rtree_area_geom WHERE id IN (OLD.id, NEW.id); END;
CREATE TRIGGER rtree_area_geom_delete AFTER DELETE ON area WHEN OLD.geom NOT NULL BEGIN
 DELETE FROM rtree_area_geom WHERE id = OLD.id; END;
`

// readme is a row of meta, for whoever opens the file without our documentation.
const readme = `Garrigue atlas: a GeoPackage with public observations of a territory, counted. ` +
	`It was made from what may be shown and from nothing else: sensitive observations are in it only by the larger area they may be shown in (cube.blurred = 1), and exact places are not in it. ` +
	`Join cube.area_id with area.id, and cube.id between taxon.first_cube and taxon.last_cube (cube.cd_ref is taxon.cd_ref); for a genus or a family go through taxon_path. ` +
	`A taxon with 0 observations is there because a list of sensitive taxa names it, or one below it: that tells nothing of what is known. ` +
	`Columns named sheet, cells, areas, taxa and cube of the *_sheet tables are made for the portal.`
