"""Before moto: what is asked, recorded, refused, made to fail and held against its model."""
